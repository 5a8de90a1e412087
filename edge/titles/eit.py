"""What a broadcast says that plays: EIT sections of a transport stream (EN 300 468, 5.2.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edge.titles.dvb_text import dvb_lines, dvb_text
from gallery.errors import GalleryInputError
from gallery.titles.title import MAX_CAST, CastMember, Title

if TYPE_CHECKING:
    from collections.abc import Iterator

PRESENT_FOLLOWING = 0x4E
SHORT_EVENT, EXTENDED_EVENT = 0x4D, 0x4E
FULL = 245
"""Bytes of a descriptor, of 255, from which its text goes on in the next: a sender that does not
cut a character may leave some."""
_POLYNOMIAL = 0x04C11DB7
_CAST_WORDS = re.compile(
    "actor|acteur|actriz|attor|cast|starring|darsteller|besetzung|distrib|interpret|interprète"
    "|reparto|elenco|obsada|rollen|medverkande|演员|主演|演員|出演|출연"
)
"""What the item that lists the actors is called."""


def parse_eit(section: bytes, service: int | None = None) -> Title | None:
    """Return the title of the programme that is on, None where the section tells another thing.

    Args:
        section: one whole section with its checksum.
        service: the service that is watched; None for any.

    Raises:
        GalleryInputError: it is no section, or it is damaged.
    """
    body = _body(section)
    if section[0] != PRESENT_FOLLOWING or not section[5] & 1 or section[6] != 0:
        return None  # of another stream, not yet true, or what comes next
    if service is not None and int.from_bytes(section[3:5], "big") != service:
        return None
    if not body:
        return None
    length = int.from_bytes(body[10:12], "big") & 0xFFF
    if len(body) < 12 + length:
        raise _damaged("an event ends after the section")
    return _title(list(_descriptors(body[12 : 12 + length])))


def service_of(section: bytes) -> int:
    """Return the number of the service that a section is about, 0 where it is none."""
    return int.from_bytes(section[3:5], "big")


def _body(section: bytes) -> bytes:
    """Return the events of a section whose length and checksum are right."""
    if len(section) < 18:
        raise _damaged(f"{len(section)} bytes, expected at least 18")
    length = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
    if length != len(section):
        raise _damaged(f"{len(section)} bytes, its header says {length}")
    if crc32(section):
        raise _damaged("its checksum is wrong")
    return section[14:-4]


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            raise _damaged("a descriptor ends after its event")
        yield data[0], data[2 : 2 + data[1]]
        data = data[2 + data[1] :]


def _title(descriptors: list[tuple[int, bytes]]) -> Title | None:
    names: list[str] = []
    texts: list[str] = []
    extended: dict[bytes, _Extended] = {}
    for tag, data in descriptors:
        if tag == SHORT_EVENT:
            name, rest = _pascal(data[3:])
            names.append(dvb_text(name))
            texts.append(dvb_text(_pascal(rest)[0]))
        elif tag == EXTENDED_EVENT:
            extended.setdefault(data[1:4], _Extended()).take(data)
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        return None
    told = [one.told() for one in extended.values()]
    items = [item for listed, _ in told for item in listed]
    texts += [text for _, said in told for text in said]
    cast = [n for what, text in items if _lists_actors(what) for n in _split(text)]
    text = "\n".join(t for t in (*texts, *(text for _, text in items)) if t)
    members = tuple(CastMember(name) for name in dict.fromkeys(cast))[:MAX_CAST]
    return Title(tuple(names), cast=members, text=text)


@dataclass(slots=True)
class _Extended:
    """The extended event descriptors of one language, in the order in which they are sent.

    Each holds 255 bytes, so that a long text goes on in the next one, in the middle of a word: one
    that is full runs on, one that is not ends what it says.

    Attributes:
        items: name and texts of each, a text in its parts.
        texts: each in its parts.
    """

    items: list[tuple[bytes, list[list[bytes]]]] = field(default_factory=list)
    texts: list[list[bytes]] = field(default_factory=list)
    _number: int = -1
    _open: Literal["item", "text"] | None = None

    def take(self, data: bytes) -> None:
        """Take a descriptor."""
        listed, rest = _pascal(data[4:])
        text = _pascal(rest)[0]
        if data[0] >> 4 != self._number + 1:
            self._open = None
        while listed:
            what, listed = _pascal(listed)
            said, listed = _pascal(listed)
            if what or not self.items:
                self.items.append((what, [[said]]))
            elif self._open == "item":
                self.items[-1][1][-1].append(said)
            else:  # goes on with the list, not with the name
                self.items[-1][1].append([said])
            self._open = None
        if text and self._open == "text":
            self.texts[-1].append(text)
        elif text:
            self.texts.append([text])
        self._number = data[0] >> 4
        self._open = None if len(data) < FULL else "text" if text else "item"

    def told(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Return the items, name and text, and the texts, as lines."""
        items = [(dvb_text(what), "\n".join(map(dvb_lines, said))) for what, said in self.items]
        return items, [dvb_lines(parts) for parts in self.texts]


def _pascal(data: bytes) -> tuple[bytes, bytes]:
    """Return the text that begins with its length, and what follows it."""
    if not data or len(data) < 1 + data[0]:
        raise _damaged("a text ends after its descriptor")
    return data[1 : 1 + data[0]], data[1 + data[0] :]


def _lists_actors(what: str) -> bool:
    return _CAST_WORDS.search(what.casefold()) is not None


def _split(text: str) -> list[str]:
    for mark in (";", "/", "、", "，", "|", "\n"):  # noqa: RUF001
        text = text.replace(mark, ",")
    names = (part.split("(")[0].strip() for part in text.split(","))
    return [name for name in names if name]


def _damaged(problem: str) -> GalleryInputError:
    return GalleryInputError(f"EIT section: {problem}; expected one as EN 300 468 defines it")


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_CRC = _crc_table()


def crc32(data: bytes) -> int:
    """Return MPEG-2's checksum; 0 for a whole section with its own."""
    value = 0xFFFFFFFF
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value
