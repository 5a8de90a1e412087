import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.titles.dvb_text import dvb_lines, dvb_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Plain", "Plain"),
        (b"\xc2Eric Caf\xc2e, \xc8uber, Lod\xcfz", "Éric Café, über, Lodž"),
        (b"5 \xa4, \xa6\xf9re, \xfbs", "5 €, øre, ßs"),
        (b"\x01\xb8\xd2\xd0\xdd", "Иван"),
    ],
)
def test_default_and_cyrillic_tables(data: bytes, text: str) -> None:
    assert dvb_text(data) == text


ONE_BYTE = {
    0x01: 5, 0x02: 6, 0x03: 7, 0x04: 8, 0x05: 9, 0x06: 10, 0x07: 11, 0x09: 13, 0x0A: 14, 0x0B: 15,
}  # fmt: skip


@pytest.mark.parametrize("first", ONE_BYTE)
def test_tables_chosen_by_one_byte_are_iso_8859(first: int) -> None:
    table = f"iso8859-{ONE_BYTE[first]}"
    letters = [bytes([b]).decode(table, errors="ignore") for b in range(0xA1, 0xFF)]
    wanted = "".join(c for c in letters if c.isalpha())
    assert len(wanted) >= 28
    assert dvb_text(bytes([first]) + wanted.encode(table)) == unicodedata.normalize("NFC", wanted)


@pytest.mark.parametrize(
    ("text", "head", "encoding"),
    [
        ("Škoda", b"\x10\x00\x02", "iso8859-2"),
        ("Ελλάδα", b"\x10\x00\x07", "iso8859-7"),
        ("ชาติไทย", b"\x10\x00\x0b", "iso8859-11"),
        ("成龙 Jackie", b"\x11", "utf-16-be"),
        ("송강호", b"\x12", "euc-kr"),
        ("巩俐", b"\x13", "gb2312"),
        ("張曼玉", b"\x14", "big5"),
        ("日本語 ✓", b"\x15", "utf-8"),
    ],
)
def test_all_other_tables(text: str, head: bytes, encoding: str) -> None:
    assert dvb_text(head + text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("first", "small", "large", "names"),
    [
        (b"\x12", "euc-kr", "cp949", ("송강호", "뷁송")),
        (b"\x13", "gb2312", "gb18030", ("巩俐", "李镕和王堃")),
        (b"\x14", "big5", "big5hkscs", ("張曼玉", "張栢芝著")),
    ],
)
def test_names_beyond_a_table_are_read_and_control_codes_within_it(
    first: bytes, small: str, large: str, names: tuple[str, str]
) -> None:
    within, beyond = names
    with pytest.raises(UnicodeDecodeError):
        beyond.encode(large).decode(small)
    assert dvb_text(first + beyond.encode(large)) == beyond
    both = within.encode(small)
    assert dvb_text(first + b"\x86" + both + b"\x87\x8a" + both) == f"{within} {within}"


LETTERS = {b: "".join(filter(str.isalpha, map(chr, range(0xA1, 0x500)))) for b in ONE_BYTE} | {
    0x11: "成龙Jackie송강호λμช",
    0x12: "송강호전지현A",
    0x13: "巩俐成龙章子怡B",
    0x14: "張曼玉梁朝偉C",
    0x15: "日本語成龙송강호λμชé",
}
TABLES = {first: f"iso8859-{number}" for first, number in ONE_BYTE.items()} | {
    0x11: "utf-16-be", 0x12: "euc-kr", 0x13: "gb2312", 0x14: "big5", 0x15: "utf-8",
}  # fmt: skip


@given(st.sampled_from(list(TABLES)), st.data())
def test_what_a_table_writes_is_read_again_wherever_it_was_cut(
    first: int, data: st.DataObject
) -> None:
    text = data.draw(st.text(st.sampled_from(LETTERS[first]), max_size=20))
    told, head = text.encode(TABLES[first], errors="ignore"), bytes([first])
    wanted = unicodedata.normalize("NFC", told.decode(TABLES[first]))
    assert dvb_text(head + told) == wanted
    place = data.draw(st.integers(0, len(told)))
    assert dvb_lines([head + told[:place], head + told[place:]]) == wanted


def test_emphasis_goes_and_a_new_line_is_a_space() -> None:
    assert dvb_text(b"\x86Bold\x87\x8anext") == "Bold next"
    assert dvb_text(b"\x10\x00\x02\x86B\x87\x8an") == "B n"
    assert dvb_text(b"\x15" + "\ue086Bold\ue087\ue08anext".encode()) == "Bold next"
    assert dvb_text(b"\x11" + "\ue086Bold\ue087\ue08anext".encode("utf-16-be")) == "Bold next"


@pytest.mark.parametrize("data", [b"", b"\x1f\x01abc", b"\x10", b"\x10\x00\x0cabc", b"\x08abc"])
def test_what_nobody_can_read_is_empty(data: bytes) -> None:
    assert not dvb_text(data)


@given(st.binary(max_size=64))
def test_any_bytes_give_one_printable_line(data: bytes) -> None:
    text = dvb_text(data)
    assert "\n" not in text
    assert all(line == line.strip() != "" for line in dvb_lines([data, data]).splitlines())
    assert text == text.strip()
    text.encode()
