"""DVB subtitles as EN 300 743 has them: a picture of text becomes one display set."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RATE, FRAMES = 25, 50
WIDTH, HEIGHT = 720, 576
PAGE = b"\0\1"
CLEAR, BLACK, WHITE = 7, 3, 1
"""Numbers of colours: in no order of brightness."""
COLOURS = {CLEAR: (0, 128, 128, 255), BLACK: (16, 128, 128, 0), WHITE: (235, 128, 128, 0)}


def text_picture(*lines: str) -> NDArray[np.uint8]:
    """Return the numbers of colours of white text with a black rim on nothing, uint8 (h, 480)."""
    picture = np.full((36 * len(lines) + 12, 480), CLEAR, np.uint8)
    for number, line in enumerate(lines):
        place = (10, 32 + 36 * number)
        for colour, thick in ((BLACK, 6), (WHITE, 2)):
            cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, thick)
    return picture


def display_set(
    *pictures: NDArray[np.uint8], version: int = 0, colours: bool = True, reduced: bool = False
) -> bytes:
    """Return the segments that show pictures below each other; none clears the screen."""
    regions = b"".join(
        bytes([n, 0xFF]) + _two(100) + _two(300 + 90 * n) for n in range(len(pictures))
    )
    made = _segment(0x10, bytes([10, version << 4 | 0x08]) + regions)
    for number, picture in enumerate(pictures):
        height, width = picture.shape
        head = (
            bytes([number, version << 4 | 0x08])
            + _two(width)
            + _two(height)
            + bytes([3 << 5 | 3 << 2, 5])
        )
        made += _segment(0x11, head + bytes([CLEAR, 0]) + _two(number) + _two(0) + _two(0))
    if colours:
        entries = b"".join(_entry(n, c, reduced=reduced) for n, c in COLOURS.items())
        made += _segment(0x12, bytes([5, version << 4 | 0x0F]) + entries)
    for number, picture in enumerate(pictures):
        top, bottom = (b"".join(map(_line, picture[field::2])) for field in (0, 1))
        data = _two(len(top)) + _two(len(bottom)) + top + bottom
        made += _segment(0x13, _two(number) + bytes([version << 4 | 0x01]) + data)
    return made + _segment(0x80, b"")


def over(film: Path, path: Path, *sets: tuple[float, bytes]) -> None:
    """Write a film's pictures as a transport stream with display sets, each from a time on."""
    waiting = list(sets)
    with av.open(str(film)) as source, av.open(str(path), "w", format="mpegts") as made:
        video = made.add_stream_from_template(source.streams.video[0])
        track: Any = made.add_stream("dvbsub")
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            while waiting and waiting[0][0] <= float(packet.dts * packet.time_base):
                begin_s, data = waiting.pop(0)
                made.mux(_shown(data, begin_s, track))
            packet.stream = video
            made.mux(packet)


def with_dvb(path: Path, *sets: tuple[float, bytes]) -> None:
    """Write a transport stream with display sets, each from a time on in seconds."""
    waiting = list(sets)
    with av.open(str(path), "w", format="mpegts") as film:
        video: Any = film.add_stream("mpeg4", rate=RATE)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        track: Any = film.add_stream("dvbsub")
        for number, packets in enumerate(_pictures(video)):
            while waiting and waiting[0][0] <= number / RATE:
                begin_s, data = waiting.pop(0)
                film.mux(_shown(data, begin_s, track))
            for packet in packets:
                film.mux(packet)


def _shown(data: bytes, begin_s: float, track: Any) -> Any:
    packet: Any = av.Packet(data)
    packet.pts = packet.dts = round(begin_s * 90_000)
    packet.time_base, packet.stream = Fraction(1, 90_000), track
    return packet


def _pictures(video: Any) -> Iterator[list[Any]]:
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 4 * number, np.uint8), "bgr24")
        frame.pts = number
        yield video.encode(frame)
    yield video.encode(None)


def _segment(kind: int, body: bytes) -> bytes:
    return bytes([0x0F, kind]) + PAGE + _two(len(body)) + body


def _entry(number: int, colour: tuple[int, int, int, int], *, reduced: bool) -> bytes:
    """Return the definition of a colour: Y, Cr, Cb and transparency, in full or in 16 bits."""
    if not reduced:
        return bytes([number, 0x21, *colour])
    luma, cr, cb, clear = colour
    return bytes([number, 0x20]) + _two(luma >> 2 << 10 | cr >> 4 << 6 | cb >> 4 << 2 | clear >> 6)


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _line(numbers: NDArray[np.uint8]) -> bytes:
    """Return a line as a string of 8-bit codes; no number in it is 0."""
    made = bytearray([0x12])
    for colour, run in groupby(numbers.tolist()):
        left = len(list(run))
        while left > 2:
            part = min(left, 127)
            made += bytes([0x00, 0x80 | part, colour])
            left -= part
        made += bytes([colour]) * left
    return bytes(made) + b"\0\0\xf0"
