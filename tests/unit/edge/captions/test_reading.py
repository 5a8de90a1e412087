"""Captions that stand in a picture are read, and speak for the shot's largest face."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.captions.of_file import FileCaptions
from edge.captions.reading import Captions, caption_llr, lower_part
from edge.device.captions import CaptionWatch
from edge.output.fonts import font_for
from edge.recognise.cues.belief import Belief
from edge.recognise.cues.cue import CueBoard, Evidence
from edge.recognise.scene import Scene
from edge.video.frame import Frame
from engines.errors import ModelMissingError
from engines.text_reading.lines import TextModels, TextReader, decode, lines_in
from gallery.store.person import Person
from tests.polling import until

PEOPLE = [Person("lin", {"en": "Lin-Manuel Miranda"})] + [
    Person(f"p{n}", {"en": f"Person Number{n}"}) for n in range(40)
]


class Gallery(SimpleNamespace):
    identity = "one"

    def people(self):
        return iter(PEOPLE)


@pytest.fixture(scope="module")
def reader() -> TextReader:
    try:
        return TextReader(TextModels())
    except ModelMissingError as error:
        pytest.skip(str(error))


def written(*lines: tuple[str, int, int], height: int = 360) -> np.ndarray:
    picture = Image.new("RGB", (640, height), (70, 90, 80))
    draw = ImageDraw.Draw(picture)
    for text, top, size in lines:
        draw.text((40, top), text, font=font_for(text, size), fill="white")
    return np.asarray(picture)[..., ::-1].copy()


class Shown:
    """A picture that is there already."""

    index = captured_ns = 0

    def __init__(self, bgr: np.ndarray, pts_s: float) -> None:
        self._bgr, self.pts_s = bgr, pts_s

    def to_frame(self) -> Frame:
        return Frame(self._bgr, self.pts_s, 0, 0)


def test_who_is_named_in_a_headline_is_expected_less_than_in_a_lower_third() -> None:
    told = []
    for line in (
        "Dr. Lin-Manuel Miranda - Composer, lyricist, singer and actor",
        "Protests grow as Lin-Manuel Miranda visits",
    ):
        board = CueBoard()
        reads = SimpleNamespace(read=lambda _, line=line: [SimpleNamespace(text=line)])
        Captions(reads, board, Gallery).look(lower_part(written()), 1.0)  # type: ignore[arg-type]
        (cue,) = board.at(1.5)
        told.append(cue.llr["lin"])
    assert told[0] == caption_llr({"lin"}, len(PEOPLE))["lin"]
    assert 0 < told[1] < told[0] - 2


def test_a_lower_third_of_a_stranger_is_told_without_what_stands_below_it(
    reader: TextReader,
) -> None:
    captions = Captions(reader, CueBoard(), Gallery)  # type: ignore[arg-type]
    shown = written(("Sylvia Quandt", 250, 30), ("Robert Schumann Society", 295, 18))
    captions.look(lower_part(shown), 1.0)
    assert captions.strangers == ("Sylvia Quandt",)
    captions.look(lower_part(written(("Lin-Manuel Miranda", 250, 30))), 2.0)
    assert captions.strangers == ()  # is enrolled
    listed = [
        (f"{given} Brandt", 220 + 26 * n, 18)
        for n, given in enumerate(("Ana", "Eva", "Max", "Tom"))
    ]
    captions.look(lower_part(written(*((t, y + 10, s) for t, y, s in listed))), 3.0)
    assert captions.strangers == ()


def words(text: str) -> str:
    return "".join(text.split()).casefold()


def test_reads_two_lines_of_a_lower_third(reader: TextReader) -> None:
    bgr = written(("Lin-Manuel Miranda", 260, 26), ("Composer, New York", 300, 18))
    found = reader.read(lower_part(bgr))
    assert [words(line.text) for line in found] == ["lin-manuelmiranda", "composer,newyork"]
    corners = found[0].corners_px
    assert 30 < corners[0, 0] < 45
    assert corners[2, 0] > 250
    again = reader.read(lower_part(bgr))
    assert [line.text for line in again] == [line.text for line in found]
    assert reader.read(written()) == []
    assert reader.read(np.zeros((8, 8, 3), np.uint8)) == []


def test_another_name_in_the_same_place_is_read_anew(reader: TextReader) -> None:
    first = reader.read(written(("Ada Lovelace", 260, 26)))
    second = reader.read(written(("Eva Lovelock", 260, 26)))
    assert [words(line.text) for line in (*first, *second)] == ["adalovelace", "evalovelock"]


def test_no_text_and_the_same_text_need_no_search_of_a_large_picture(reader: TextReader) -> None:
    def large(*lines: tuple[str, int, int], ground: int = 0) -> np.ndarray:
        bgr = cv2.resize(written(*lines), (1280, 720), interpolation=cv2.INTER_CUBIC)
        bgr[:300] = ground  # what moves above the text
        return lower_part(bgr)

    before = reader.searches
    assert reader.read(large()) == []
    assert reader.searches == before
    first = reader.read(large(("Ada Lovelace", 260, 20)))
    again = reader.read(large(("Ada Lovelace", 260, 20), ground=90))
    assert [words(line.text) for line in first] == ["adalovelace"]
    assert [line.text for line in again] == [line.text for line in first]
    assert reader.searches == before + 1
    changed = reader.read(large(("Eva Lovelock", 260, 20)))
    more = reader.read(large(("Eva Lovelock", 260, 20), ("Grace Hopper", 300, 20)))
    assert [words(line.text) for line in changed] == ["evalovelock"]
    assert [words(line.text) for line in more] == ["evalovelock", "gracehopper"]
    assert reader.read(large()) == []
    assert reader.searches == before + 3


def test_a_caption_becomes_a_cue_and_is_told_once(reader: TextReader) -> None:
    board = CueBoard()
    captions = FileCaptions(
        Captions(reader, board, Gallery),  # type: ignore[arg-type]
        lambda _: 1,
        every=False,
    )
    bgr = written(("LIN-MANUEL MIRANDA", 260, 26), ("Nobody Known", 300, 24))
    for index in range(60):
        captions.look(Shown(bgr, index / 25))
    told = [(words(text.text), text.person) for text in captions.texts]
    assert told == [("lin-manuelmiranda", "lin"), ("nobodyknown", None)]
    cue, _again = board.at(1.5)
    assert (cue.kind, set(cue.llr), cue.speaks_for) == ("text", {"lin"}, "shot")
    assert board.at(9.0) == ()


def test_credits_are_read_in_the_whole_picture_where_nobody_is_seen(reader: TextReader) -> None:
    bgr = written(("Lin-Manuel Miranda", 60, 26), ("Some Body", 240, 24), ("Any Body", 300, 24))
    for faces, people in ((0, {"lin", None}), (2, {None})):
        captions = FileCaptions(
            Captions(reader, CueBoard(), Gallery),  # type: ignore[arg-type]
            lambda _, n=faces: n,  # type: ignore[misc]
            every=True,
        )
        captions.look(Shown(bgr, 0.0))
        assert {text.person for text in captions.texts} == people


def test_a_device_reads_beside_and_leaves_out_what_it_has_no_time_for(reader: TextReader) -> None:
    board, took = CueBoard(), []
    busy = [True]
    watch = CaptionWatch(
        board,
        Gallery,  # type: ignore[arg-type]
        lambda: busy[0],
        took.append,
        lambda: reader,
    )
    bgr = written(("Lin-Manuel Miranda", 260, 26))
    watch.start()
    try:
        watch.take(Frame(bgr, 1.0, 25, 0), Scene(1.0, 25, 640, 360, 0, (), 1))
        busy[0] = False
        assert not took
        watch.take(Frame(bgr, 2.0, 50, 0), Scene(2.0, 50, 640, 360, 0, (), 1))
        until(lambda: board.at(2.5))
        watch.take(Frame(bgr, 2.1, 52, 0), Scene(2.1, 52, 640, 360, 0, (), 1))
        until(lambda: len(took) == 1)
    finally:
        watch.close()


def test_a_caption_is_expected_as_assumed_and_a_long_list_says_little() -> None:
    one = Belief((Evidence("text", caption_llr({"a"}, 1000)),), 1000)
    assert one.prior("a") == pytest.approx(0.35 + 0.0005)
    many = caption_llr({f"p{n}" for n in range(30)}, 1000)
    assert 0 < many["p0"] < caption_llr({"a"}, 1000)["a"]
    assert caption_llr(set(), 10) == caption_llr({"a"}, 1) == {}


def test_repeats_are_one_character_unless_something_is_between() -> None:
    steps = np.full((7, 4), 0.05, np.float32)
    for place, number in enumerate((1, 1, 0, 1, 2, 2, 3)):
        steps[place, number] = 0.9
    text, score = decode(steps, ("", "a", "b", " "))
    assert (text, score) == ("aab", pytest.approx(0.9))
    assert decode(np.eye(3, dtype=np.float32)[[0, 0]], ("", "a", "b")) == ("", 0.0)


def test_lines_are_grown_to_their_letters_and_specks_are_none() -> None:
    probability = np.zeros((64, 160), np.float32)
    probability[20:30, 30:120] = 0.9
    probability[50:52, 5:7] = 0.9
    probability[40:48, 100:140] = 0.35
    (corners,) = lines_in(probability)
    assert corners[0] == pytest.approx([30 - 7, 20 - 7], abs=2)
    assert corners[2] == pytest.approx([120 + 7, 30 + 7], abs=2)
