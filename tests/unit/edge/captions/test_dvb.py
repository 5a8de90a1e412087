"""DVB's subtitles are pictures: decoded, made grey by their own colours, and read as text."""

from __future__ import annotations

import math
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.captions.subtitles import Subtitles
from edge.recognise.cues.cue import CueBoard
from edge.video.open import open_source
from edge.video.source import SourceOptions, SubtitlePicture
from edge.video.sources.dvb_picture import Colours, grey_picture
from engines.text_reading.lines import TextLine
from engines.text_reading.shared import SharedText
from gallery.store.person import Person
from tests.unit.edge.captions import dvb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = ("LIN: Hello there", "- Ada Chen: Hi")
TEXT = dvb.text_picture(*LINES)


class Gallery(SimpleNamespace):
    identity = "one"

    def people(self) -> Iterator[Person]:
        people = {"lin": "Lin Smith", "ada": "Ada Chen"} | {
            f"p{n}": f"N{n} Jones" for n in range(60)
        }
        return (Person(person, {"en": name}) for person, name in people.items())


def seen(path: Path) -> tuple[SubtitlePicture, ...]:
    with open_source(str(path), options=SourceOptions(subtitles=True)) as source:
        assert sum(1 for _ in source.pictures()) == dvb.FRAMES
        assert source.stats.subtitles == ()
        return source.stats.subtitle_pictures


def pixels(picture: SubtitlePicture) -> Any:
    return np.frombuffer(picture.grey, np.uint8).reshape(picture.height, picture.width)


def test_who_speaks_and_who_is_spoken_of_in_a_transport_stream(tmp_path: Path) -> None:
    path = tmp_path / "f.ts"
    again = dvb.display_set(TEXT, version=1)
    dvb.with_dvb(
        path, (0.4, dvb.display_set(TEXT)), (0.8, again), (1.2, dvb.display_set(version=2))
    )
    pictures = seen(path)
    assert len(pictures) == 1  # sent twice, then nothing is shown
    assert pictures[0].from_s == pytest.approx(0.4, abs=0.05)
    assert "grey" not in repr(pictures[0])
    board = CueBoard()
    subtitles = Subtitles(board, Gallery)  # type: ignore[arg-type]
    shared = SharedText()
    readers = [shared.reader(), shared.reader()]
    assert readers[0].models is readers[1].models
    texts = subtitles.see(pictures, lambda: readers[0])
    assert [(text.text, text.person) for text in texts] == [
        (LINES[0], "lin"),
        (LINES[1], "ada"),
    ]
    assert {person for cue in board.at(1.0) for person in cue.llr} == {"lin", "ada"}
    assert {cue.kind for cue in board.at(1.0)} == {"text"}
    assert subtitles.see(pictures, reader_is_not_asked) == []
    models = weakref.ref(readers[0].models)
    readers.clear()
    assert models() is None  # freed with the last reader


def test_a_speaker_is_known_where_the_reader_loses_the_space() -> None:
    class Reader:
        def read(self, _: np.ndarray) -> list[TextLine]:
            return [TextLine("LINSMITH:Hello", 0.9, np.zeros((4, 2), np.float32))]

    board = CueBoard()
    picture = SubtitlePicture(1.0, 3.0, 2, 1, b"\0\xff")
    subtitles = Subtitles(board, Gallery)  # type: ignore[arg-type]
    assert [text.person for text in subtitles.see((picture,), Reader)] == ["lin"]
    (cue,) = board.at(1.0)
    assert cue.llr["lin"] == pytest.approx(math.log(61))  # as likely as not, of 62


def reader_is_not_asked() -> NoReturn:
    raise AssertionError


@pytest.mark.parametrize("reduced", [False, True])
def test_white_letters_are_bright_whatever_the_order_of_the_colours(
    tmp_path: Path, *, reduced: bool
) -> None:
    path = tmp_path / "f.ts"
    dvb.with_dvb(path, (0.2, dvb.display_set(TEXT, reduced=reduced)))
    (picture,) = seen(path)
    grey = pixels(picture)
    letters = np.count_nonzero(TEXT == dvb.WHITE)
    assert np.count_nonzero(grey > 200) == letters
    assert np.count_nonzero(grey > 60) == letters  # neither the rim nor what is clear


def test_two_regions_stand_below_each_other_and_none_is_none(tmp_path: Path) -> None:
    path = tmp_path / "f.ts"
    two = dvb.display_set(dvb.text_picture("ONE"), dvb.text_picture("TWO MORE"))
    dvb.with_dvb(path, (0.2, two), (1.0, dvb.display_set(np.full((20, 40), dvb.BLACK), version=1)))
    (picture,) = seen(path)
    assert picture.height > 2 * 30


def rect(numbers: np.ndarray) -> Any:
    height, width = numbers.shape
    return SimpleNamespace(width=width, height=height, planes=(numbers.tobytes(),))


def test_without_colours_higher_numbers_are_brighter() -> None:
    numbers = np.zeros((20, 40), np.uint8)
    numbers[5:15, 10:30] = 12
    grey = grey_picture([rect(numbers)], Colours())
    assert grey is not None
    assert np.count_nonzero(grey == 255) == 200


@pytest.mark.parametrize(
    "bad",
    [
        SimpleNamespace(width=40, height=20, planes=()),
        SimpleNamespace(width=40, height=20, planes=(b"\1" * 799,)),
        SimpleNamespace(width=0, height=20, planes=(b"",)),
        SimpleNamespace(width=60000, height=60000, planes=(b"\1",)),
    ],
)
def test_a_region_that_is_damaged_or_too_large_is_left_out(bad: Any) -> None:
    assert grey_picture([bad], Colours()) is None


@given(st.binary(max_size=200))
def test_any_bytes_define_colours_or_none(data: bytes) -> None:
    colours = Colours()
    for packet in (data, b"\x0f\x12\0\1\0\x20" + data, dvb.display_set(TEXT)[:60] + data):
        colours.take(packet)
    found = colours.of(480, 84)
    assert found.shape == (256,)
    assert 0 <= found.min() <= found.max() <= 255


@given(st.binary(min_size=1, max_size=60), st.integers(0, 2**31))
def test_a_damaged_packet_costs_its_picture_only(noise: bytes, seed: int) -> None:
    data = bytearray(dvb.display_set(dvb.text_picture("HI")))
    place = np.random.default_rng(seed).integers(len(data))
    data[place : place + len(noise)] = noise
    colours = Colours()
    colours.take(bytes(data))
    assert colours.of(1, 1).shape == (256,)
