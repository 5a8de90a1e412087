import pytest

from edge.captions.names import CaptionNames
from gallery.store.person import Person
from gallery.titles.match import NameIndex

NAMES = CaptionNames(
    NameIndex(
        [
            Person("miranda", {"en": "Lin-Manuel Miranda", "zh": "林-曼纽尔·米兰达"}),
            Person("chan", {"en": "Jackie Chan", "zh": "成龙"}),
            Person("cher", {"en": "Cher"}),
            Person("long", {"en": "Alexandria Ocasio Cortez"}),
        ]
    )
)


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("LIN-MANUEL MIRANDA", ("miranda",)),
        ("LinManuelMiranda", ("miranda",)),
        ("Lin-ManueI M1randa", ("miranda",)),  # I, l and 1 are one shape
        ("Lin-ManuelMiranda Composer", ("miranda",)),
        ("with Jackie Chan and others", ("chan",)),
        ("JACKIECHAN", ("chan",)),
        ("主演 成龙", ("chan",)),
        ("成龙、Jackie Chan", ("chan",)),
        ("成龙飞来", ()),
        ("Cher", ("cher",)),
        ("Cher sings", ()),
        ("Teacher", ()),
        ("Jackie Chen", ()),
        ("Jackie", ()),
        ("Alexandria Ocasio Corlez", ("long",)),  # one letter of 22 misread
        ("Alexandra Ocasio Cortes", ()),
        ("", ()),
        ("1:23 · 45 %", ()),
    ],
)
def test_whole_names_are_found_and_nothing_else(line: str, ids: tuple[str, ...]) -> None:
    assert NAMES.named(line) == ids
