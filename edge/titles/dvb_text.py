"""Texts of DVB's tables: EN 300 468, annex A, with all its character tables."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from gallery.titles.title import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_LARGER = {"euc-kr": "cp949", "gb2312": "gb18030", "big5": "big5hkscs"}
"""Tables of two bytes, and what senders write of names that are not in them (镕, 堃, 栢)."""
NEW_LINE = 0x8A
_EMPHASIS = (0x86, 0x87)
MOST_TEXT = 16 * 256
"""Bytes of UTF-8 of a text over several descriptors."""

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
    return one_line(_decoded(*_table(data)))


def dvb_lines(parts: Iterable[bytes]) -> str:
    """Return a text that goes on over descriptors, as lines: new ones begin where it says so.

    A part that names the same table as the one before goes on within its last character.
    """
    told: list[tuple[str | None, bytes]] = []
    for encoding, data in map(_table, parts):
        if told and told[-1][0] == encoding:
            told[-1] = (encoding, told[-1][1] + data)
        else:
            told.append((encoding, data))
    whole = "".join(_decoded(*part) for part in told)
    return "\n".join(line for x in whole.split("\n") if (line := one_line(x, MOST_TEXT)))


def _decoded(encoding: str | None, data: bytes) -> str:
    """Return what bytes of a table say, with the new lines of the standard."""
    if encoding is None:
        return ""
    if encoding == "iso6937":
        return _iso6937(data)
    if encoding in _WIDE:
        return "".join(map(_shown, data.decode(encoding, errors="ignore")))
    if encoding not in _LARGER:
        plain = bytes(0x0A if b == NEW_LINE else b for b in data if not _is_control(b))
        return plain.decode(encoding, errors="ignore")
    try:
        plain = bytes(0x0A if b == NEW_LINE else b for b in data if b not in _EMPHASIS)
        return plain.decode(encoding)
    except UnicodeDecodeError:  # there the control codes begin characters
        return data.decode(_LARGER[encoding], errors="ignore")


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
    return "\n" if ord(character) == 0xE08A else ""


def _iso6937(data: bytes) -> str:
    out, mark = [], ""
    for byte in data:
        if byte in _MARKS:
            mark = _MARKS[byte]
            continue
        character = chr(byte) if byte < 0x80 else _UPPER.get(byte, "").strip("\0")
        if byte == NEW_LINE:
            character = "\n"
        if character:
            out.append(character + mark)
        mark = ""
    return unicodedata.normalize("NFC", "".join(out))
