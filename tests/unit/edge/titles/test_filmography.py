"""Who is seen makes titles likely, and those their other actors; nobody confirms themselves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recognise.cues.belief import Belief, surely
from edge.recognise.cues.cue import Evidence
from edge.titles.filmography import MOST_EXPECTED, Filmography
from gallery.store.person import Person, Work
from gallery.titles.match import NameIndex

PEOPLE = 1000
FILM, SOLO = frozenset("abcd"), frozenset("a")
WORKS = [FILM, SOLO, *(frozenset({f"p{i}", f"q{i}"}) for i in range(400))]
KNOWN = Filmography(WORKS, PEOPLE)

ids = st.sampled_from("abcdefgh")
casts = st.lists(st.frozensets(ids, min_size=1, max_size=5), min_size=1, max_size=12)
named = st.dictionaries(ids, st.floats(0.0, 1.0), max_size=6)


def test_two_of_a_cast_make_the_rest_likely_and_one_hardly() -> None:
    one = KNOWN.expected({"b": 0.99})
    two = KNOWN.expected({"a": 0.99, "b": 0.99})
    assert 0 < one["c"] < two["c"]
    assert two["c"] == two["d"]
    prior = Belief((Evidence("title", two),), PEOPLE).prior
    assert prior("c") > 100 * prior("nobody")


def test_nobody_makes_themselves_likely() -> None:
    assert "a" not in KNOWN.expected({"a": 1.0})
    alone = KNOWN.expected({"b": 1.0})["a"]
    assert KNOWN.expected({"a": 1.0, "b": 1.0})["a"] == alone


def test_who_is_not_surely_named_or_in_no_work_says_nothing() -> None:
    assert KNOWN.expected({}) == {}
    assert KNOWN.expected({"a": 0.8, "b": 0.5, "stranger": 1.0}) == {}
    assert Filmography([], PEOPLE).expected({"a": 1.0}) == {}


def test_people_of_different_films_make_neither_likely() -> None:
    """A talk show: its guests have nothing in common, and one film's cast is no better for it."""
    alone = KNOWN.expected({"b": 0.99})["c"]
    show = KNOWN.expected({"b": 0.99, **{f"p{i}": 0.99 for i in range(6)}})
    assert show.get("c", 0.0) < alone


@given(casts, named)
def test_what_is_said_is_finite_above_nothing_and_of_people_with_works(
    works: list[frozenset[str]], seen: dict[str, float]
) -> None:
    found = Filmography(works, 50).expected(seen)
    assert all(0 < llr < math.inf for llr in found.values())
    assert set(found) <= set().union(*works)
    assert Filmography(works[::-1], 50).expected(dict(reversed(seen.items()))) == pytest.approx(
        found, abs=2e-3
    )


@given(casts, named)
def test_a_wrong_guess_leaves_everybody_else_half_of_what_they_had(
    works: list[frozenset[str]], seen: dict[str, float]
) -> None:
    found = Filmography(works, 50).expected(seen)
    assert Belief((Evidence("title", found),), 50).times_likelier("nobody") >= 0.5


@given(casts, named, ids)
def test_a_name_changes_nothing_that_is_said_of_its_own_person(
    works: list[frozenset[str]], seen: dict[str, float], person: str
) -> None:
    without = {p: q for p, q in seen.items() if p != person}
    with_them = Filmography(works, 50).expected({**without, person: 1.0}).get(person, 0.0)
    assert with_them == pytest.approx(
        Filmography(works, 50).expected(without).get(person, 0.0), abs=2e-3
    )


def test_a_series_with_hundreds_expects_no_more_than_the_likeliest() -> None:
    crowd = frozenset(f"x{i}" for i in range(600))
    assert len(Filmography([crowd], PEOPLE).expected({"x0": 1.0})) <= MOST_EXPECTED


def test_how_sure_a_face_alone_is() -> None:
    assert surely(0.0, 1000) < 0.001
    assert surely(math.log(2000), 1000) == pytest.approx(0.5)
    assert surely(1e9, 1000) == pytest.approx(1.0)


def test_works_of_one_title_and_year_are_one_work() -> None:
    def person(name: str, *works: Work) -> Person:
        return Person(name, {"en": name}, works=works)

    index = NameIndex(
        [
            person("a", Work("Film", 1999), Work("Film", 2020)),
            person("b", Work({"en": "FILM", "fr": "Le film"}, 2000)),
            person("c", Work("film")),
        ]
    )
    assert sorted(map(sorted, index.casts())) == [["a", "b", "c"], ["a", "c"], ["b"]]
