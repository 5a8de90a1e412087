"""Which lines of a caption look like names."""

import pytest

from edge.captions.name_like import is_name_like, spaced

NAMES = """
Ana Ruiz|ANA MARÍA RUIZ|Dr. Ingrid Østergård|John F. Smith|Vincent van Gogh|Jean-Luc O'Connor
AdaLovelace|MARY-KATE McALLISTER|Prof. Hans-Peter Müller|Ludwig van Beethoven|王小明|欧阳修文
张伟|阿尔伯特·爱因斯坦|J. Robert Oppenheimer|Giulia D\u2019Angelo
"""
OTHERS = """
Breaking News|HEAVY RAIN HITS TEXAS|Good Morning America|Chief Economist|21:45|GER 2 : 1 BRA|CNN
New York|Buenos Aires|Berlin, Germany|World Cup Final|ana ruiz|Anna says no to peace talks|高清|江苏
Martin Luther King Hospital|Ana|North Carolina|Max Mustermann GmbH|Grace of Monaco
Rose BOWL final|林县|记者|Live From Charlotte|Victoria Station Road Works|Ana Ruiz 2-0|@anaruiz
新闻联播|Breaking: Ana Ruiz
"""


@pytest.mark.parametrize("line", NAMES.replace("\n", "|").strip("|").split("|"))
def test_a_name_is_one(line: str) -> None:
    assert is_name_like(line)


@pytest.mark.parametrize("line", OTHERS.replace("\n", "|").strip("|").split("|"))
def test_what_is_no_name_is_none(line: str) -> None:
    assert not is_name_like(line)


def test_a_lost_space_is_shown_again() -> None:
    lines = ("AdaLovelace", "Ada McKay", "JoãoDaSilva", "王小明")
    assert [spaced(line) for line in lines] == [
        "Ada Lovelace",
        "Ada McKay",
        "João Da Silva",
        "王小明",
    ]
