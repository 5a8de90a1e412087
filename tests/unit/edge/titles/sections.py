"""EIT sections and the packets that carry them, built from EN 300 468 and ISO/IEC 13818-1."""

from __future__ import annotations

import binascii


def checksum(data: bytes) -> bytes:
    """MPEG-2's CRC, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (value >> 31) ^ ((byte >> bit) & 1)
            value = (value << 1) & 0xFFFFFFFF
            if carry:
                value ^= 0x04C11DB7
    return value.to_bytes(4, "big")


def pascal(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def short_event(name: bytes, text: bytes = b"", lang: bytes = b"eng") -> bytes:
    return b"\x4d" + pascal(lang + pascal(name) + pascal(text))


def extended_event(
    items: list[tuple[bytes, bytes]], text: bytes = b"", number: int = 0, last: int = 0
) -> bytes:
    listed = b"".join(pascal(what) + pascal(said) for what, said in items)
    return b"\x4e" + pascal(bytes([number << 4 | last]) + b"eng" + pascal(listed) + pascal(text))


def section(
    descriptors: bytes, *, service: int = 1, table: int = 0x4E, number: int = 0, current: int = 1
) -> bytes:
    start = binascii.unhexlify("E5A2193000014500")  # a date, a time, a duration
    event = b"\x00\x07" + start + (0x8000 | len(descriptors)).to_bytes(2, "big") + descriptors
    head = service.to_bytes(2, "big") + bytes([0xC0 | current, number, 1, 0, 1, 0, 1, 1, table])
    body = head + event
    whole = bytes([table]) + (0xF000 | (len(body) + 4)).to_bytes(2, "big") + body
    return whole + checksum(whole)


def packets(one: bytes, counter: int = 0) -> bytes:
    """Transport packets of PID 0x12."""
    data, out = b"\0" + one, b""
    for place in range(0, len(data), 184):
        first = 0x40 if place == 0 else 0
        head = bytes([0x47, first, 0x12, 0x10 | (counter & 15)])
        out += head + data[place : place + 184].ljust(184, b"\xff")
        counter += 1
    return out
