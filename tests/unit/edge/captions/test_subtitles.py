"""Subtitles of each form are heard, damaged ones harm nothing, and what they name is a weak cue."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.captions.subtitles import SubtitleNames, Subtitles, speaker_of, turns_of
from edge.recognise.cues.cue import CueBoard
from edge.video.open import open_source
from edge.video.source import SourceOptions, SubtitleLine
from edge.video.sources.subtitle_tap import MOST_LINES, MOST_TEXT, SubtitleTap, plain_text
from gallery.store.person import Person, Work
from tests.unit.edge.captions import films

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = [
    Person("lin", {"en": "Lin Smith"}, works=(Work("Show", 1999, "Joey Green"),)),
    Person("ada", {"en": "Ada Chen", "zh": "陈艾达"}),
    Person("ben", {"en": "Ben Smith"}),
    *(Person(f"p{n}", {"en": f"Number{n} Jones"}) for n in range(60)),
]


class Gallery(SimpleNamespace):
    identity = "one"

    def people(self):
        return iter(PEOPLE)


def heard(path: Path) -> tuple[SubtitleLine, ...]:
    with open_source(str(path), options=SourceOptions(subtitles=True)) as source:
        assert sum(1 for _ in source.pictures()) == films.FRAMES
        return source.stats.subtitles


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [("f.mkv", films.SRT, "srt"), ("f.mkv", films.VTT, "webvtt"), ("f.mp4", films.SRT, "srt")],
)
def test_tracks_of_text(name: str, text: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / name
    films.with_track(path, text, form)
    first, second = heard(path)
    assert first.text.split("\n")[-1] == "- Ada Chen: Hi"
    assert "LIN: Hello & welcome" in first.text
    assert (first.from_s, first.to_s) == pytest.approx((0.2, 0.9), abs=0.02)
    assert (second.text, second.from_s) == ("Plain", pytest.approx(1.0, abs=0.02))
    with open_source(str(path)) as source:
        assert sum(1 for _ in source.pictures()) == films.FRAMES
        assert source.stats.subtitles == ()


def test_captions_inside_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "f.ts"
    films.with_cea_608(path)
    (line,) = heard(path)
    assert line.text == "LIN: Hi!"
    assert line.from_s == pytest.approx(13 / films.RATE, abs=0.09)


@pytest.mark.parametrize(("own", "lines"), [(films.CAPTION, ["LIN: Hi!"]), ("", [])])
def test_of_cea_708_only_the_pairs_of_cea_608_in_it_are_heard(
    own: str, lines: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "f.ts"
    films.with_cea_608(path, own, films.CEA_708)
    assert [line.text for line in heard(path)] == lines


@pytest.mark.parametrize("form", ["track", "cea"])
def test_a_damaged_one_costs_its_lines_only(form: str, tmp_path: Path) -> None:
    path = tmp_path / "f.mkv"
    if form == "cea":
        path = tmp_path / "f.ts"
        films.with_cea_608(path, "ffff 9420 7f7f 942f 0000 94ff 1420 4c4c")
    else:
        bad = films.SRT.replace("LIN", "{\\p1}\x01<b" * 40 + "&#x110000;&#xFFFFFFFFFF;{{{")
        films.with_track(path, bad, "srt")
    for line in heard(path):
        assert len(line.text) <= MOST_TEXT
        assert all(c.isprintable() or c == "\n" for c in line.text)


@pytest.mark.parametrize(
    ("line", "speaker", "rest"),
    [
        ("JOEY: Hello", "JOEY", "Hello"),
        ("- Joey Green (off): Hello", "Joey Green", "Hello"),
        ("[JOEY] Hello", "JOEY", "Hello"),
        (">> STEPHEN COLBERT: Hi", "STEPHEN COLBERT", "Hi"),
        ("陈艾达：你好", "陈艾达", "你好"),  # noqa: RUF001
        ("【陈艾达】你好", "陈艾达", "你好"),
        ("\ufeff\u202a♪ # JOEY [on the phone]: la", "JOEY", "la"),
        ("[Joey - on the radio] Hi", "Joey", "Hi"),
        ("“_JOEY_ (V.O.): Hi”", "JOEY", "Hi”"),
        ("At 10:30 we meet", None, "At 10:30 we meet"),
        ("Hello there", None, "Hello there"),
        ("", None, ""),
    ],
)
def test_who_speaks(line: str, speaker: str | None, rest: str) -> None:
    assert speaker_of(line) == (speaker, rest)


@given(st.text(max_size=300))
def test_any_line_is_split_without_loss(line: str) -> None:
    speaker, rest = speaker_of(line)
    assert line.endswith(rest)
    assert speaker is None or (0 < len(speaker) <= 60 and speaker in line)


@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_text_that_can_be_shown(data: bytes) -> None:
    text = plain_text(data)
    assert len(text) <= MOST_TEXT
    assert all(c.isprintable() or c == "\n" for c in text)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_caption_bytes_harm_nothing(pairs: list[bytes]) -> None:
    tap = SubtitleTap(wanted=True)
    for number, data in enumerate(pairs):
        frame = SimpleNamespace(pts=number, time=number / 25, side_data=[Side(data)])
        tap.look(frame)  # type: ignore[arg-type]
    assert len(tap.lines) <= MOST_LINES


class Side:
    type = SimpleNamespace(name="A53_CC")

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bytes__(self) -> bytes:
        return self._data


def test_names_roles_and_words_tell_of_people() -> None:
    names = SubtitleNames(PEOPLE)
    assert names.speaker("LIN SMITH") == {"lin"}
    assert names.speaker("Joey") == names.speaker("joey green") == {"lin"}
    assert names.speaker("SMITH") == {"lin", "ben"}
    assert names.speaker("陈艾达") == {"ada"}
    assert names.speaker("Jones") == set()  # sixty of them
    assert names.speaker("News") == set()
    assert names.spoken_of("I saw Ada Chen and Joey today") == {"ada"}


@pytest.mark.parametrize(
    ("line", "speak", "of"),
    [
        ("(sighs) JOEY: Hi", {"lin"}, set()),
        (">> JOEY: HI. >> ADA CHEN: HO. >> WHO?", {"lin", "ada"}, set()),
        ("-JOEY: Hi -Ada Chen: Ho", {"lin", "ada"}, set()),
        ("[JOEY] Hi [ADA CHEN] Ho [laughs]", {"lin", "ada"}, set()),
        ("JOEY & ADA CHEN: Hi, Ben Smith", {"lin", "ada"}, {"ben"}),
        ("Joey and I think this: Ada Chen knows", set(), {"ada"}),
        ("[door slams] Ada Chen!", set(), {"ada"}),
        ("10:30 - Ada Chen", set(), {"ada"}),
    ],
)
def test_who_speaks_in_lines_as_they_are_written(line: str, speak: set[str], of: set[str]) -> None:
    board = CueBoard()
    Subtitles(board, Gallery).hear((SubtitleLine(1.0, 2.0, line),))  # type: ignore[arg-type]
    told = {frozenset(cue.llr): max(cue.llr.values()) for cue in board.at(1.5)}
    assert set(told) == {frozenset(people) for people in (speak, of) if people}
    if speak and of:
        assert told[frozenset(speak)] > told[frozenset(of)]


def test_a_track_that_is_no_utf_8_is_read_as_western(tmp_path: Path) -> None:
    path = tmp_path / "f.mkv"
    films.with_track(path, films.SRT.replace("Plain", "René: ça va"), "srt", "cp1252")
    assert [line.text for line in heard(path)][1:] == ["René: ça va"]


@given(st.text(max_size=300))
def test_turns_lose_nothing_but_spaces(line: str) -> None:
    assert "".join("".join(turns_of(line)).split()) == "".join(line.split())


def test_a_speaker_is_expected_and_who_is_spoken_of_a_little() -> None:
    board = CueBoard()
    subtitles = Subtitles(board, Gallery)  # type: ignore[arg-type]
    lines = (SubtitleLine(1.0, 2.0, "JOEY: Where is Ada Chen?\nSomebody: here"),)
    told = subtitles.hear(lines)
    assert {(t.person, t.text) for t in told} == {
        ("ada", "JOEY: Where is Ada Chen?"),
        ("lin", "JOEY: Where is Ada Chen?"),
    }
    assert subtitles.hear(lines) == []
    cues = {person: cue for cue in board.at(1.5) for person in cue.llr}
    assert cues["lin"].llr["lin"] > cues["ada"].llr["ada"] > 0
    assert {(c.kind, c.speaks_for) for c in cues.values()} == {("text", "shot")}
    assert board.at(0.9) == board.at(20.0) == ()
