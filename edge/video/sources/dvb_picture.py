"""DVB's subtitles are pictures: their colours, and one grey picture of a set, for whoever reads it.

FFmpeg decodes the pixels (`dvbsub`); PyAV hands over their colours' numbers without the colours, so
that these are read here from the same packet (EN 300 743, CLUT definition and region composition).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_SYNC, _REGION, _CLUT = 0x0F, 0x11, 0x12
_HEAD, _REGION_HEAD = 6, 8
_FULL_RANGE = 0x01
MOST_PX = 1920 * 1080
MARGIN_PX = 12
"""Around the text: readers of text want some ground on all sides."""
_CONTRAST = 32
"""Grey values; pictures with less hold no text."""
_COLOURS = 256


class _Region(NamedTuple):
    width: int
    height: int
    clut: int


@dataclass(slots=True)
class Colours:
    """The brightness of each colour's number; it stays from packet to packet, as DVB has it."""

    _cluts: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _regions: dict[int, _Region] = field(default_factory=dict)

    def take(self, packet: bytes) -> None:
        """Take the colours that a packet defines; what is damaged is left out."""
        for kind, body in _segments(packet):
            if kind == _CLUT and len(body) > 1:
                self._define(body)
            elif kind == _REGION and len(body) >= _REGION_HEAD:
                width, height = (int.from_bytes(body[i : i + 2], "big") for i in (2, 4))
                self._regions[body[0]] = _Region(width, height, body[7])

    def of(self, width: int, height: int) -> NDArray[np.float32]:
        """Return the brightness, float32 (256,), 0 to 255, of the colours of a region this large.

        Where no colours were defined, higher numbers are brighter.
        """
        same = [r.clut for r in self._regions.values() if (r.width, r.height) == (width, height)]
        for clut in (*same, *self._cluts):
            if clut in self._cluts:
                return self._cluts[clut]
        return _ramp()

    def _define(self, body: bytes) -> None:
        clut = self._cluts.setdefault(body[0], np.zeros(_COLOURS, np.float32))
        place = 2
        while place + 2 <= len(body):
            number, flags = body[place], body[place + 1]
            wide = 4 if flags & _FULL_RANGE else 2
            entry = body[place + 2 : place + 2 + wide]
            if len(entry) < wide:
                return
            luma, clear = (entry[0], entry[3]) if flags & _FULL_RANGE else _reduced(entry)
            clut[number] = luma * (1 - clear / 255) if luma else 0.0
            place += 2 + wide


def _reduced(entry: bytes) -> tuple[int, int]:
    """Return luma and transparency of an entry of 6 + 4 + 4 + 2 bits."""
    return entry[0] & 0xFC, (entry[1] & 0x03) * 85


def _ramp() -> NDArray[np.float32]:
    return np.minimum(np.arange(_COLOURS, dtype=np.float32) * 16, 255)


def _segments(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the segments of a packet, with or without its head."""
    place = packet.find(bytes([_SYNC]), 0, 3)
    while 0 <= place <= len(packet) - _HEAD and packet[place] == _SYNC:
        length = int.from_bytes(packet[place + 4 : place + 6], "big")
        yield packet[place + 1], packet[place + _HEAD : place + _HEAD + length]
        place += _HEAD + length


def grey_picture(rects: Iterable[Any], colours: Colours) -> NDArray[np.uint8] | None:
    """Return all regions of a set below each other, uint8 (h, w); None where nothing is drawn.

    Args:
        rects: bitmaps as PyAV decodes them.
        colours: of this stream.
    """
    parts = [part for rect in rects if (part := _drawn(rect, colours)) is not None]
    if not parts:
        return None
    wide = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(p, ((0, 0), (0, wide - p.shape[1]))) for p in parts])


def _drawn(rect: Any, colours: Colours) -> NDArray[np.uint8] | None:
    """Return what is drawn in a region, stretched to full contrast, with a margin."""
    width, height = int(rect.width), int(rect.height)
    if not 0 < width * height <= MOST_PX or not rect.planes:
        return None
    numbers = np.frombuffer(bytes(rect.planes[0]), np.uint8)[: width * height]
    if numbers.size != width * height:
        return None
    grey = colours.of(width, height)[numbers].reshape(height, width)
    darkest, brightest = float(grey.min()), float(grey.max())
    if brightest - darkest < _CONTRAST:
        return None
    stretched = (grey - darkest) * (255 / (brightest - darkest))
    drawn = stretched > _CONTRAST
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    part = stretched[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(part.astype(np.uint8), MARGIN_PX)
