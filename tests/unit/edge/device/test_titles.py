"""What is heard and seen of a live source becomes cues, in threads of their own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pytest

from edge.device.captions import CaptionWatch
from edge.device.subtitles import SubtitleWatch
from edge.device.text_opener import AGAIN_S, TextOpener
from edge.device.titles import SEEN_S, TitleWatch
from edge.recognise.cues.cue import CueBoard, Spoke
from edge.recognise.scene import Face, Scene
from edge.titles.playing import NowPlaying
from edge.video.frame import Frame
from edge.video.source import SourceStats, SubtitleLine, SubtitlePicture
from engines.errors import ModelMissingError
from gallery.store.person import Person, Work
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator

FILM = (Work("A film", 2000, "Joey Green"),)
PEOPLE = [
    Person(f"p{n}", {"en": f"Person Number{n}"}, works=FILM if n in {1, 2, 3} else ())
    for n in range(200)
]


class Gallery(SimpleNamespace):
    identity = "one"
    people_count = len(PEOPLE)

    def people(self):
        return iter(PEOPLE)


class Reader(SimpleNamespace):
    stats = SourceStats()

    @property
    def status(self):
        return SimpleNamespace(stats=self.stats)


@pytest.fixture
def board() -> CueBoard:
    return CueBoard()


@pytest.fixture
def watch(board: CueBoard) -> Iterator[TitleWatch]:
    playing = NowPlaying(board, Gallery)  # type: ignore[arg-type]
    watch = TitleWatch(playing, Reader(), "rtsp://here/tv", None)  # type: ignore[arg-type]
    watch.start()
    yield watch
    watch.close()


def said(board: CueBoard) -> set[str]:
    return {person for cue in board.at(5.0) for person in cue.llr}


def seen(watch: TitleWatch, pts_s: float, *people: str, llr: float = 14.0) -> None:
    box = (0.0, 0.0, 9.0, 9.0)
    spoke = (Spoke("face", llr),)
    faces = tuple(Face(n, box, who, 0.7, None, cues=spoke) for n, who in enumerate(people))
    frame = Frame(np.zeros((9, 9, 3), np.uint8), pts_s, 0, 0)
    watch.take(frame, Scene(pts_s, 0, 9, 9, 0, faces, 1))


def test_who_was_seen_tells_who_is_likely_until_it_is_long_ago(
    board: CueBoard, watch: TitleWatch
) -> None:
    seen(watch, 1.0, "p1")
    seen(watch, 9.0, "p2")
    assert until(lambda: {"p1", "p2", "p3"} <= said(board))
    seen(watch, 2.0 + SEEN_S, "p9")
    assert until(lambda: "p2" not in said(board))  # p1 is forgotten, who had made p2 likely


def test_subtitles_of_a_live_source_are_heard(board: CueBoard) -> None:
    reader = Reader()
    watch = SubtitleWatch(board, Gallery, reader, lambda: False, nobody_reads)  # type: ignore[arg-type]
    watch.start()
    try:
        reader.stats = SourceStats(subtitles=(SubtitleLine(4.0, 6.0, "PERSON NUMBER7: Hello"),))
        assert until(lambda: said(board) == {"p7"})
    finally:
        watch.close()


def test_where_models_are_missing_lines_are_heard_and_the_log_says_it_once(
    board: CueBoard, caplog: pytest.LogCaptureFixture
) -> None:
    now_s, asked = [0.0], []

    def missing() -> NoReturn:
        asked.append(now_s[0])
        raise ModelMissingError("no models; connect to a package index")

    opener = TextOpener(missing, clock=lambda: now_s[0])
    reader = Reader()
    watch = SubtitleWatch(board, Gallery, reader, lambda: False, opener)  # type: ignore[arg-type]
    captions = CaptionWatch(board, Gallery, lambda: False, lambda _: None, opener)  # type: ignore[arg-type]
    frame = Frame(np.zeros((90, 160, 3), np.uint8), 1.0, 0, 0)
    drawn = SubtitlePicture(4.0, 6.0, 2, 1, b"\0\xff")
    watch.start()
    captions.start()
    try:
        captions.take(frame, Scene(1.0, 0, 160, 90, 0, (), 1))
        reader.stats = SourceStats(
            subtitles=(SubtitleLine(4.0, 6.0, "PERSON NUMBER7: Hello"),), subtitle_pictures=(drawn,)
        )
        assert until(lambda: said(board) == {"p7"} and asked)
    finally:
        watch.close()
        captions.close()
    assert len(asked) == 1
    assert [r.message for r in caplog.records if "no text is read" in r.message]
    now_s[0] = AGAIN_S + 1
    assert opener() is None
    assert len(asked) == 2


def nobody_reads() -> NoReturn:
    raise AssertionError
