"""AVIF and HEIC files of several tiles, turned, as telephones write them; encoders here do not."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pillow_heif

if TYPE_CHECKING:
    from PIL import Image

_CODECS = {"avif": (b"av01", b"av1C", b"avif"), "heic": (b"hvc1", b"hvcC", b"heic")}


def grid(tiles: list[list[Image.Image]], kind: str, *, quarter_turns: int = 0) -> bytes:
    """Return a file with a picture of equal tiles, shown turned counter-clockwise.

    ISO/IEC 23008-12: the derived item `grid` (6.6.2.3), the property `irot` (6.5.10).
    """
    coded, config, brand = _CODECS[kind]
    flat = [tile for row in tiles for tile in row]
    encoded = [_encode(tile, kind) for tile in flat]
    width, height = flat[0].size
    full = width * len(tiles[0]), height * len(tiles)
    payload = [struct.pack(">BBBBHH", 0, 0, len(tiles) - 1, len(tiles[0]) - 1, *full)]
    payload += [_content(file) for file in encoded]
    ids = list(range(1, len(payload) + 1))
    properties = _box(b"ipco", _ispe(*full), _ispe(width, height), _found(encoded[0], config),
                      _box(b"irot", bytes([quarter_turns])))  # fmt: skip
    whose = [(1, (1, 0x80 | 4))] + [(i, (2, 0x80 | 3)) for i in ids[1:]]
    association = b"".join(struct.pack(">HB", i, len(p)) + bytes(p) for i, p in whose)
    types = [b"grid", *[coded] * len(flat)]
    infos = [
        _full(b"infe", 2, struct.pack(">HH", i, 0) + t + b"\0")
        for i, t in zip(ids, types, strict=True)
    ]
    reference = struct.pack(f">HH{len(flat)}H", 1, len(flat), *ids[1:])

    def meta(first_byte: int) -> bytes:
        places, at = b"", first_byte
        for i, content in zip(ids, payload, strict=True):
            places += struct.pack(">HHHII", i, 0, 1, at, len(content))
            at += len(content)
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4) + b"pict" + bytes(13)),
            _full(b"pitm", 0, struct.pack(">H", 1)),
            _full(b"iinf", 0, struct.pack(">H", len(ids)), *infos),
            _full(b"iref", 0, _box(b"dimg", reference)),
            _box(b"iprp", properties, _full(b"ipma", 0, struct.pack(">I", len(ids)), association)),
            _full(b"iloc", 0, b"\x44\0", struct.pack(">H", len(ids)), places),
        )

    begin = _box(b"ftyp", brand, bytes(4), b"mif1", brand, b"miaf")
    head = len(begin) + len(meta(0)) + 8
    return begin + meta(head) + _box(b"mdat", *payload)


def _encode(tile: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "avif":
        tile.save(file, "AVIF", quality=90)
    else:
        pillow_heif.from_pillow(tile).save(file, quality=90)
    return file.getvalue()


def _content(file: bytes) -> bytes:
    at = file.rindex(b"mdat")
    return file[at + 4 : at - 4 + struct.unpack(">I", file[at - 4 : at])[0]]


def _found(file: bytes, kind: bytes) -> bytes:
    at = file.index(kind) - 4
    return file[at : at + struct.unpack(">I", file[at : at + 4])[0]]


def _box(kind: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">I", 8 + len(joined)) + kind + joined


def _full(kind: bytes, version: int, *content: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *content)


def _ispe(width: int, height: int) -> bytes:
    return _full(b"ispe", 0, struct.pack(">II", width, height))
