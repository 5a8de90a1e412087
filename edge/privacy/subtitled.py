"""A film with a subtitle of its own words, to see whether they leave the memory."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av

from edge.testbed.remux import dated

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet

WORDS = "Zwölf Boxkämpfer jagen Viktor"
"""No device says this by itself."""
LINES = 60
_EVERY_S = 5


def with_subtitles(film: Path, target: Path, speaker: str) -> None:
    """Write a film again, its pictures and subtitles as they are, with a line every few seconds.

    Args:
        film: with pictures.
        target: a Matroska file.
        speaker: who is said to say them.
    """
    text = "".join(_line(number, speaker) for number in range(LINES))
    with av.open(str(film)) as source, av.open(str(target), "w", format="matroska") as made:
        told = av.open(io.BytesIO(text.encode()), "r", format="srt")
        kept = [source.streams.video[0], *source.streams.subtitles]
        copies = {one.index: made.add_stream_from_template(one) for one in kept}
        track: Any = made.add_stream_from_template(told.streams[0])
        lines = [packet for packet in told.demux() if packet.size]
        for packet in dated(source.demux(kept)):
            while lines and _when(lines[0]) <= _when(packet):
                made.mux(_moved(lines.pop(0), track))
            made.mux(_moved(packet, copies[packet.stream.index]))
        told.close()


def _line(number: int, speaker: str) -> str:
    begin, end = _EVERY_S * number, _EVERY_S * number + 4
    return f"{number + 1}\n{_clock(begin)} --> {_clock(end)}\n{speaker}: {WORDS}\n\n"


def _clock(seconds: int) -> str:
    return f"00:{seconds // 60:02}:{seconds % 60:02},100"


def _when(packet: Packet[Any]) -> float:
    at = packet.pts if packet.dts is None else packet.dts
    return float((at or 0) * (packet.time_base or 0))


def _moved(packet: Packet[Any], stream: Any) -> Packet[Any]:
    packet.stream = stream
    return packet
