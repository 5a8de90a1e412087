"""A film with a caption that names nobody enrolled, to see where its words go."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from edge.output.annotate import blend, make_plate
from edge.testbed.remux import dated

if TYPE_CHECKING:
    from pathlib import Path

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
        drawn.width, drawn.height = (side // 2 * 2 for side in (pictures.width, pictures.height))
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
                made.mux(drawn.encode(_captioned(frame, drawn.width, drawn.height)))
        for frame in pictures.codec_context.decode(None):
            made.mux(drawn.encode(_captioned(frame, drawn.width, drawn.height)))
        made.mux(drawn.encode(None))


def _captioned(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    bgr = np.array(frame.reformat(width, height, "bgr24").to_ndarray(), np.uint8)
    unit = max(1, height // 240)
    blend(bgr, make_plate(CANARY, "unknown", unit), width // 16, round(0.82 * height))
    shown = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    shown.pts, shown.time_base = round(float(frame.time or 0.0) / _CLOCK), _CLOCK
    return shown
