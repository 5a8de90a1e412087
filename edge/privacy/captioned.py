"""A film with a caption that names nobody enrolled, to see where its words go."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.testbed.remux import dated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CANARY = "Sylvia Quandt"
"""Nobody enrolled is called so, and no device says this by itself."""
SEEN = b"Quandt"
"""What must be in the answers to presses, and nowhere else."""
LONGEST_S = 60
"""Of the film; it is played again and again."""
_CLOCK = Fraction(1, 90_000)


def with_caption(film: Path, target: Path) -> None:
    """Write the begin of a film again with a lower third, and its subtitles as they are.

    Args:
        film: with pictures.
        target: a Matroska file.
    """
    with av.open(str(film)) as source, av.open(str(target), "w", format="matroska") as made:
        pictures, told = source.streams.video[0], list(source.streams.subtitles)
        drawn: Any = made.add_stream("libx264", rate=pictures.average_rate or 25)
        size = pictures.width // 2 * 2, pictures.height // 2 * 2
        clock = pictures.time_base or _CLOCK
        drawn.width, drawn.height = size
        drawn.pix_fmt, drawn.time_base = "yuv420p", _CLOCK
        drawn.options = {"preset": "superfast", "crf": "20", "bf": "0"}
        copies: dict[int, Any] = {s.index: made.add_stream_from_template(s) for s in told}
        for packet in dated(source.demux([pictures, *told])):
            if packet.dts * packet.time_base > LONGEST_S:
                break
            if packet.stream.index in copies:
                packet.stream = copies[packet.stream.index]
                made.mux(packet)
                continue
            for frame in packet.decode():
                made.mux(drawn.encode(_captioned(frame, size, clock)))
        for frame in pictures.codec_context.decode(None):
            made.mux(drawn.encode(_captioned(frame, size, clock)))
        made.mux(drawn.encode(None))


@cache
def _plate(height: int) -> NDArray[np.uint8]:
    """Return the caption for a picture of this height, uint8 (h, w, 3), BGR."""
    font = ImageFont.load_default(max(12, height // 16))
    left, _, right, bottom = (round(side) for side in font.getbbox(CANARY))
    pad = bottom // 2
    plate = Image.new("RGB", (right - left + 2 * pad, bottom + 2 * pad), (88, 32, 24))
    ImageDraw.Draw(plate).text((pad - left, pad), CANARY, font=font, fill="white")
    return np.asarray(plate, np.uint8)


def _captioned(frame: av.VideoFrame, size: tuple[int, int], clock: Fraction) -> av.VideoFrame:
    """Return a picture with the caption; its times are ticks of this clock, also where it is lost.

    Args:
        frame: as decoded.
        size: width and height, even numbers.
        clock: seconds of a tick.
    """
    width, height = size
    bgr = np.array(frame.reformat(width, height, "bgr24").to_ndarray(), np.uint8)
    plate = _plate(height)
    top, left = round(0.8 * height), width // 16
    bgr[top : top + plate.shape[0], left : left + plate.shape[1]] = plate[:, : width - left]
    shown = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    shown.pts, shown.time_base = round((frame.pts or 0) * clock / _CLOCK), _CLOCK
    return shown
