import pytest

from gallery.store.person import Person, Work
from gallery.titles.match import NameIndex, fold
from gallery.titles.title import CastMember, Title

INDEX = NameIndex(
    [
        Person("cruz", {"en": "Penélope Cruz", "zh": "佩内洛普·克鲁兹"}),
        Person("chan", {"en": "Jackie Chan", "zh": "成龙"}, works=(Work("Rush Hour", 1998),)),
        Person("chan2", {"en": "Jackie Chan"}),
        Person("kilcher", {"en": "Q'orianka Kilcher"}),
        Person("one", {"en": "Cher"}),
        Person("tucker", {"en": "Chris Tucker"}, works=(Work({"en": "Rush Hour"}, 1999),)),
        Person("old", {"en": "Old Actor"}, works=(Work("Rush Hour", 1950),)),
    ]
)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("PENELOPE  CRUZ", {"cruz"}),
        ("Penélope Cruz", {"cruz"}),
        ("Qorianka Kilcher", {"kilcher"}),
        ("Q’orianka KILCHER", {"kilcher"}),  # noqa: RUF001
        ("成龙", {"chan"}),
        ("佩内洛普 克鲁兹", {"cruz"}),
        ("Jackie Chan", {"chan", "chan2"}),
        ("tucker", {"tucker"}),
        ("Chris", set()),
        ("Chris Tucker Jr", set()),
        ("", set()),
    ],
)
def test_whole_names_are_found_however_they_are_written(name: str, ids: set[str]) -> None:
    assert set(INDEX.named(name)) == ids


def test_names_in_a_description_are_whole_and_of_two_words() -> None:
    text = "With Penelope Cruz, Chris and Tucker; Cher sings. 主演：成龙、佩内洛普·克鲁兹。成龙飞来"  # noqa: RUF001
    assert INDEX.named_in(text) == {"cruz", "chan"}


def test_works_tell_who_acts_in_a_title_of_about_that_year() -> None:
    assert INDEX.acting_in(Title(("Rush hour",), 1998)) == {"chan", "tucker"}
    assert INDEX.acting_in(Title(("Rush Hour",))) == {"chan", "tucker", "old"}
    assert INDEX.acting_in(Title(("Another",))) == set()


def test_a_cast_is_who_is_listed_who_is_described_and_who_acted() -> None:
    title = Title(
        ("Rush Hour",), 1998, (CastMember("Penelope Cruz"), CastMember("Nobody Known")), "成龙"
    )
    ids, unknown = INDEX.cast_of(title)
    assert ids == {"cruz", "chan", "tucker"}
    assert unknown == ("Nobody Known",)


def test_fold_is_the_same_the_second_time() -> None:
    for name in ("Łukasz Żal", "Ngô Thanh Vân", "Søren Ødegård", "محمد علي", "शाहरुख़ ख़ान"):
        assert fold(fold(name)) == fold(name) != ""
