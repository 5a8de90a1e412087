"""Text of others is shown as text: nothing in it moves a cursor or turns a line around."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.store.person import Person, Work
from gallery.texts import shown, shown_in

TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(codec=None)))
def test_no_control_and_no_direction_is_left(text: str) -> None:
    seen = shown(text)
    for character in seen:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in TURNS
    assert shown(seen) == seen
    seen.encode()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\r\nERROR forged", r"a\x0d\x0aERROR forged"),
        ("abc\u202egpj.exe", r"abc\u202egpj.exe"),
        ("\u2066x\u2069\u200f\u061c", r"\u2066x\u2069\u200f\u061c"),
        ("\x9b31m", r"\x9b31m"),
        ("\U000e0041tag\ud800", r"\U000e0041tag\ud800"),
        ("Zoë [/b] 张三 مُحَمَّد נועה <i>", "Zoë [/b] 张三 مُحَمَّد נועה <i>"),
        ("می‌خواهم", "می‌خواهم"),  # Persian needs its joiner
    ],
)
def test_what_it_becomes(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_every_text_of_a_person() -> None:
    evil = "x\x1b[31m\u202e"
    person = Person(
        "id", {"en": evil}, {"en": evil}, {"en": evil}, (Work({"en": evil}, 1, evil), Work(evil))
    )
    seen = shown_in(person)
    assert isinstance(seen, Person)
    assert "\x1b" not in msgspec.json.encode(seen).decode()
    assert rb"\u001b" not in msgspec.json.encode(seen)
    assert seen.name() == r"x\x1b[31m\u202e"
    assert seen.works[0].year == 1
