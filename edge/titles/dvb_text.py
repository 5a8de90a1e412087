"""Texts of DVB's tables: EN 300 468, annex A, with all its character tables."""

from __future__ import annotations

import unicodedata

from gallery.titles.title import one_line

_BY_BYTE = {
    **{n: f"iso8859-{n + 4}" for n in (*range(0x01, 0x08), *range(0x09, 0x0C))},
    0x11: "utf-16-be",
    0x12: "euc-kr",
    0x13: "gb2312",
    0x14: "big5",
    0x15: "utf-8",
}
_WIDE = frozenset({"utf-16-be", "utf-8"})
"""Encodings whose control codes stand at U+E080 to U+E09F instead of 0x80 to 0x9F."""
_MULTIBYTE = frozenset({"euc-kr", "gb2312", "big5"})
NEW_LINE = 0x8A

# ISO/IEC 6937 with the euro sign at 0xA4, as figure A.1 has it.
_UPPER = (
    dict(enumerate("\xa0¡¢£€¥\0§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿", 0xA0))  # noqa: RUF001
    | dict(enumerate("―¹®©™♪¬¦", 0xD0))
    | dict(enumerate("⅛⅜⅝⅞ΩÆĐªĦ", 0xDC))
    | dict(enumerate("ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ\xad", 0xE6))
)
_MARKS = dict(
    zip(
        (*range(0xC1, 0xC9), 0xCA, 0xCB, 0xCD, 0xCE, 0xCF),
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u0327\u030b\u0328\u030c",
        strict=True,
    )
)
"""Marks, which stand before their letter."""


def dvb_text(data: bytes) -> str:
    """Return a text of a descriptor as one line; what its table has no character for is left out.

    Args:
        data: with the bytes that choose the table, if it has such.
    """
    encoding, rest = _table(data)
    if encoding is None:
        return ""
    if encoding == "iso6937":
        return one_line(_iso6937(rest))
    if encoding not in _WIDE and encoding not in _MULTIBYTE:
        rest = bytes(0x20 if b == NEW_LINE else b for b in rest if not _is_control(b))
    text = rest.decode(encoding, errors="ignore")
    return one_line("".join(_shown(c) for c in text))


def _table(data: bytes) -> tuple[str | None, bytes]:
    """Return which encoding a text is in, None where nobody can read it, and its other bytes."""
    if not data or data[0] >= 0x20:
        return "iso6937", data
    if data[0] == 0x10:
        number = int.from_bytes(data[1:3], "big")
        known = len(data) > 2 and 1 <= number <= 15 and number != 12
        return (f"iso8859-{number}" if known else None), data[3:]
    return _BY_BYTE.get(data[0]), data[1:]  # 0x1F: somebody's own encoding


def _is_control(byte: int) -> bool:
    return 0x80 <= byte <= 0x9F and byte != NEW_LINE


def _shown(character: str) -> str:
    if not 0xE080 <= ord(character) <= 0xE09F:
        return character
    return " " if ord(character) == 0xE08A else ""


def _iso6937(data: bytes) -> str:
    out, mark = [], ""
    for byte in data:
        if byte in _MARKS:
            mark = _MARKS[byte]
            continue
        character = chr(byte) if byte < 0x80 else _UPPER.get(byte, "").strip("\0")
        if byte == NEW_LINE:
            character = " "
        if character:
            out.append(character + mark)
        mark = ""
    return unicodedata.normalize("NFC", "".join(out))
