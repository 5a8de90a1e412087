"""Programmes of a transport stream: which PIDs belong to which (ISO/IEC 13818-1, 2.4.4).

PyAV does not hand on what FFmpeg knows of programmes, so the two small tables are read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET = 188
SYNC = 0x47
PAT_PID = 0
LOOKED_AT = 4 << 20
"""Tables come several times a second; in this many bytes each was there."""


def programmes_of(head: bytes) -> dict[int, frozenset[int]]:
    """Return the PIDs of each programme by its number, in the order of the table.

    Args:
        head: the first bytes of a transport stream; of anything else nothing comes back.
    """
    tables: dict[int, int] = {}
    found: dict[int, frozenset[int]] = {}
    for pid, section in _sections(head[:LOOKED_AT]):
        if pid == PAT_PID and section[0] == 0x00 and not tables:
            tables = _programme_tables(section)
        elif pid in tables.values() and section[0] == 0x02:
            number = int.from_bytes(section[3:5], "big")
            found.setdefault(number, frozenset(_streams(section)))
    return {number: found[number] for number in tables if number in found}


def _sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the PID and bytes of each table that begins and ends in one packet, as these two do."""
    start = _first_packet(data)
    for at in range(start, len(data) - PACKET + 1, PACKET):
        packet = data[at : at + PACKET]
        if packet[0] != SYNC:
            return
        begins, pid = packet[1] & 0x40, int.from_bytes(packet[1:3], "big") & 0x1FFF
        has_field, has_payload = packet[3] & 0x20, packet[3] & 0x10
        if not begins or not has_payload or pid == 0x1FFF:
            continue
        place = 4 + (1 + packet[4] if has_field else 0)
        place += 1 + (packet[place] if place < PACKET else 0)
        section = packet[place:]
        if len(section) > 12 and section[0] in {0x00, 0x02}:
            length = 3 + (int.from_bytes(section[1:3], "big") & 0x0FFF)
            if 12 <= length <= len(section):
                yield pid, section[: length - 4]  # without its CRC


def _first_packet(data: bytes) -> int:
    for at in range(min(PACKET, len(data))):
        if all(data[at + n * PACKET : at + n * PACKET + 1] == b"\x47" for n in range(3)):
            return at
    return len(data)


def _programme_tables(section: bytes) -> dict[int, int]:
    entries = (section[i : i + 4] for i in range(8, len(section) - 3, 4))
    numbered = (
        (int.from_bytes(e[:2], "big"), int.from_bytes(e[2:], "big") & 0x1FFF) for e in entries
    )
    return {number: pid for number, pid in numbered if number}


def _streams(section: bytes) -> Iterator[int]:
    place = 12 + (int.from_bytes(section[10:12], "big") & 0x0FFF)
    while place + 5 <= len(section):
        yield int.from_bytes(section[place + 1 : place + 3], "big") & 0x1FFF
        place += 5 + (int.from_bytes(section[place + 3 : place + 5], "big") & 0x0FFF)
