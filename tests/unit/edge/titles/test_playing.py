"""Titles by request, by broadcast and from files become the cue of their cast."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from edge.recognise.cues.belief import Belief
from edge.recognise.cues.cue import CueBoard, Evidence
from edge.titles.found import title_beside, title_of_tags
from edge.titles.messages import TitleRequest
from edge.titles.playing import NowPlaying, cast_llr
from gallery.errors import GalleryInputError
from gallery.store.person import Person, Work
from gallery.titles.title import MAX_CAST
from tests.unit.edge.titles import sections as make

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = [Person(f"p{n}", {"en": f"Person Number{n}"}) for n in range(40)]


class Gallery(SimpleNamespace):
    identity = "one"
    people_count = len(PEOPLE)

    def people(self):
        return iter(PEOPLE)


@pytest.fixture
def board() -> CueBoard:
    return CueBoard()


@pytest.fixture
def playing(board: CueBoard) -> NowPlaying:
    return NowPlaying(board, Gallery)  # type: ignore[arg-type]


def said(board: CueBoard) -> set[str]:
    return {person for cue in board.at(5.0) for person in cue.llr}


def test_a_request_favours_its_cast_and_an_empty_one_clears_it(
    board: CueBoard, playing: NowPlaying
) -> None:
    found = playing.request(TitleRequest("Film", 2001, ("person NUMBER3", "p4", "No One")))
    assert (found.title, found.source, found.cast) == ("Film", "request", ("p3", "p4"))
    assert found.unknown == ("No One",)
    assert said(board) == {"p3", "p4"}
    assert all(cue.speaks_for == "all" for cue in board.at(1e9))
    assert playing.request(TitleRequest()).cast == ()
    assert said(board) == set()
    with pytest.raises(GalleryInputError, match="expected"):
        playing.request(TitleRequest("Film", None, ("a",) * (MAX_CAST + 1)))


def test_a_broadcast_is_followed_and_damage_changes_nothing(
    board: CueBoard, playing: NowPlaying
) -> None:
    first = make.section(make.short_event(b"One", b"With Person Number5."), service=7)
    second = make.section(
        make.short_event(b"Two") + make.extended_event([(b"Cast", b"Person Number6")]), service=7
    )
    playing.broadcast((first,))
    assert (said(board), playing.now.source) == ({"p5"}, "eit")
    playing.broadcast((second[:-1] + bytes([second[-1] ^ 1]),))
    assert (said(board), playing.refused) == ({"p5"}, 1)
    playing.broadcast((second,))
    assert (said(board), playing.now.title) == ({"p6"}, "Two")
    other = make.section(make.short_event(b"Three"), service=8)
    playing.broadcast((other, first))  # which of two is watched nobody knows
    assert playing.now.title == "Two"
    playing.broadcast((first, other), 8)
    assert playing.now.title == "Three"


def test_who_is_surely_seen_stands_in_for_a_title_until_one_is_told(board: CueBoard) -> None:
    film = (Work("A film", 2000),)
    gallery = Gallery()
    gallery.people = lambda: (
        Person(p.id, p.names, works=film if p.id in {"p1", "p2", "p3"} else ()) for p in PEOPLE
    )
    playing = NowPlaying(board, lambda: gallery)  # type: ignore[arg-type, return-value]
    playing.suppose({"p1": 2.0, "p2": 3.0})  # as good as nothing
    assert said(board) == set()
    playing.suppose({"p1": 14.0, "p2": 14.0})
    assert said(board) == {"p1", "p2", "p3"}
    assert playing.now.source is None  # nobody told it
    playing.request(TitleRequest("Another film", None, ("p7",)))
    playing.suppose({"p1": 14.0, "p2": 14.0})
    assert said(board) == {"p7"}
    playing.request(TitleRequest())
    assert said(board) == set()
    playing.suppose({"p1": 14.0, "p2": 14.0})
    assert "p3" in said(board)
    playing.suppose({})
    assert said(board) == set()


def test_a_new_release_is_matched_again(board: CueBoard) -> None:
    now = [Gallery()]
    playing = NowPlaying(board, lambda: now[0])  # type: ignore[arg-type, return-value]
    playing.request(TitleRequest("Film", None, ("Person Number1", "New Person")))
    newer = Gallery(identity="two")
    newer.people = lambda: iter([*PEOPLE, Person("new", {"en": "New Person"})])
    now[0] = newer
    playing.follow()
    assert said(board) == {"p1", "new"}


def test_the_whole_cast_is_expected_as_assumed_in_any_gallery() -> None:
    for people, count in ((40, 3), (1000, 20), (100_000, 5)):
        cast = frozenset(f"p{n}" for n in range(count))
        belief = Belief((Evidence("title", cast_llr(cast, people)),), people)
        assert sum(map(belief.prior, cast)) == pytest.approx(0.4 + 0.5 * count / people, abs=1e-6)
    assert cast_llr(frozenset(), 10) == {}
    assert cast_llr(frozenset({"a", "b"}), 2) == {}


def test_tags_of_mp4_and_matroska() -> None:
    title = title_of_tags({"TITLE": "Film", "DATE_RELEASED": "2001-05-01", "ACTOR": "A B; C D"})
    assert title is not None
    assert (title.names, title.year) == (("Film",), 2001)
    assert [member.name for member in title.cast] == ["A B", "C D"]
    assert title_of_tags({"encoder": "Lavf", "comment": "none"}) is None
    long = title_of_tags({"title": "x" * 10**6, "actor": "," * 10**6 + "A B"})
    assert long is not None
    assert len(long.names[0]) < 2000


def test_a_tag_of_megabytes_costs_nothing() -> None:
    begun = time.process_time()
    title = title_of_tags({"title": "a " * 4_000_000, "actor": "b," * 4_000_000})
    assert title is not None
    assert time.process_time() - begun < 2


def test_an_nfo_lies_beside_the_film(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    assert title_beside(film) is None
    (tmp_path / "movie.nfo").write_text("<movie><title>Folder</title></movie>")
    assert title_beside(film).names == ("Folder",)  # type: ignore[union-attr]
    (tmp_path / "film.nfo").write_text("<movie><title>Own</title></movie>")
    assert title_beside(film).names == ("Own",)  # type: ignore[union-attr]
