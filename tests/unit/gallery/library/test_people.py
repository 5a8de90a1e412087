"""One person of many credits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.library.people import LibraryPerson, name_key, people_of
from gallery.store.person import Work
from gallery.titles.title import CastMember, Title


def film(name: str, *cast: CastMember, year: int = 2000) -> Title:
    return Title((name,), year, cast)


def ids(people: tuple[LibraryPerson, ...]) -> list[str]:
    return [person.id for person in people]


def test_one_id_makes_one_person_of_two_spellings() -> None:
    people, _ = people_of(
        [
            film("A", CastMember("Jackie Chan", "Lee", "1.jpg", {"tmdb": "18897"})),
            film("B", CastMember("成龙", "", "2.jpg", {"imdb": "nm1", "tmdb": "18897"}), year=2010),
            film("C", CastMember("Jackie  CHAN", "Wu"), year=1990),
            film("D", CastMember("Chan Kong-sang", "", "", {"imdb": "nm1"})),
        ],
        {"成龙": ["3.jpg"]},
        {},
    )
    (jackie,) = people
    assert (jackie.id, jackie.name) == ("Jackie_Chan", "Jackie Chan")
    assert jackie.pictures == ("1.jpg", "2.jpg", "3.jpg")
    assert jackie.keys == ("imdb:nm1", "tmdb:18897")
    assert jackie.works == (
        Work("B", 2010),
        Work("A", 2000, "Lee"),
        Work("D", 2000),
        Work("C", 1990, "Wu"),
    )


def test_two_ids_make_two_people_of_one_name() -> None:
    people, doubts = people_of(
        [
            film("A", CastMember("Michael Moore", "", "", {"tmdb": "1"})),
            film("B", CastMember("Michael Moore", "", "", {"tmdb": "2"})),
            film("C", CastMember("Michael Moore")),
        ],
        {},
        {},
    )
    assert ids(people) == ["Michael_Moore", "Michael_Moore_tmdb2"]
    assert doubts == (
        "Michael Moore: 2 people have this name, and C does not tell which one it is; not credited",
    )


def test_providers_that_do_not_contradict_are_put_together() -> None:
    people, _ = people_of(
        [
            film("A", CastMember("Zoë Saldaña", "", "", {"tmdb": "8691"})),
            film("B", CastMember("Zoe Saldana", "", "", {"imdb": "nm0757855"})),
        ],
        {},
        {},
    )
    assert [p.keys for p in people] == [("imdb:nm0757855", "tmdb:8691")]


def test_ids_of_an_earlier_import_stay() -> None:
    titles = [film("A", CastMember("Ann Lee", "", "", {"tmdb": "2"})), film("B", CastMember("Bo"))]
    people, _ = people_of(titles, {}, {"tmdb:2": "Ann_Lee_tmdb2", "name:bo": "Bobby"})
    assert ids(people) == ["Ann_Lee_tmdb2", "Bobby"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Peter O'Toole", "peter o\u2019toole"),
        ("Penélope Cruz", "Penelope Cruz"),
        ("Mary-Kate Olsen", "Mary Kate Olsen"),
        ("\uff2a\uff45\uff54 Li", "Jet Li"),
        ("عمر الشريف", "عمر  الشريف"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    people, _ = people_of([film("A", CastMember(one)), film("B", CastMember(other))], {}, {})
    assert len(people) == 1


def test_names_that_differ_in_what_counts() -> None:
    assert len({name_key(name) for name in ("成龙", "成家班", "हिन", "हन", "عمر", "عامر")}) == 6


def test_a_name_without_letters_is_told() -> None:
    people, doubts = people_of([film("A", CastMember("???"))], {}, {})
    assert people == ()
    assert doubts == ("'???': no letter or digit to make an id of, left out",)


def test_a_series_counts_once() -> None:
    lin = CastMember("Lin", "Mei")
    people, _ = people_of(
        [
            Title(("One",), 2001, (lin,), kind="episode", series="S"),
            Title(("Two",), 2002, (lin,), kind="episode", series="S"),
            Title(("S",), 2000, (lin,), kind="series"),
            Title(("Three",), 2003, (lin,), kind="episode", series="S"),
        ],
        {},
        {},
    )
    assert people[0].works == (Work("S", 2000, "Mei"),)


MEMBERS = st.builds(
    CastMember,
    st.sampled_from(["Ann Lee", "ann lee", "Bo", "成龙", "O'B", "??"]),
    st.just(""),
    st.just(""),
    st.dictionaries(st.sampled_from(["imdb", "tmdb"]), st.sampled_from("123"), max_size=2),
)


@given(st.lists(st.lists(MEMBERS, max_size=4), max_size=6))
def test_everybody_has_an_id_and_an_id_means_one(casts: list[list[CastMember]]) -> None:
    titles = [film(str(n), *cast) for n, cast in enumerate(casts)]
    people, _ = people_of(titles, {}, {})

    assert len(set(ids(people))) == len(people)
    keys = [key for person in people for key in person.keys if not key.startswith("name:")]
    assert len(set(keys)) == len(keys)
    again, _ = people_of(titles, {}, {key: p.id for p in people for key in p.keys})
    assert ids(again) == ids(people)
