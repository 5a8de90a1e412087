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
            Person("song", {"en": "Song Kang-ho", "ko": "송강호"}),
            Person("aoi", {"en": "Aoi Miyazaki", "ja": "宮崎 あおい"}),
            Person("umm", {"en": "Umm Kulthum", "ar": "أم كلثوم"}),
            Person("will", {"en": "Will Smith"}),
            Person("may", {"en": "Theresa May"}),
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
        ("배우 송강호", ("song",)),
        ("송강호씨", ()),
        ("宮崎あおい", ("aoi",)),
        ("主演 宮崎 あおい", ("aoi",)),
        ("المطربة أم كلثوم", ("umm",)),
        ("WILL SMITH", ("will",)),
        ("will smith", ("will",)),
        ("<b>Will Smith</b>", ("will",)),
        ("He will smith a sword", ()),  # no name in small letters where others are capitals
        ("I asked Theresa. May I?", ()),  # nor over the end of a sentence
        ("Prime Minister: Theresa May.", ("may",)),
        ("", ()),
        ("1:23 · 45 %", ()),
    ],
)
def test_whole_names_are_found_and_nothing_else(line: str, ids: tuple[str, ...]) -> None:
    assert NAMES.named(line) == ids
