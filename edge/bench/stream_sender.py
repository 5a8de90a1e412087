"""A station of its own process: sends a film's packets over UDP, and says when each picture went.

Tracks of subtitles are sent with the pictures.

    python -m edge.bench.stream_sender FILM PORT

Each line of its output is the number of the picture in the film and the monotonic time at which its
packet was sent. The film is sent again and again on one clock; without B-frames packets are in the
order of pictures. It ends with its parent.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def play(
    film: str, url: str, form: str, options: dict[str, str], on_sent: Callable[[int, float], None]
) -> None:
    """Send the film's packets at their own speed, again and again, on one clock.

    Args:
        film: of H.264 or HEVC, with sound and subtitles or without.
        url: where to.
        form: the container to send, as FFmpeg calls it.
        options: of the container.
        on_sent: told the number of each packet in the film, and when it was sent.
    """
    import av  # noqa: PLC0415 - the station of RTSP is run by a Python without it

    with av.open(url, "w", format=form, options=options) as target:
        with av.open(film) as probe:
            pictures = probe.streams.video[0]
            sent = (pictures, *probe.streams.subtitles, *probe.streams.audio)
            streams = {one.index: target.add_stream_from_template(one) for one in sent}
            seen = pictures.index
            over_s = max(map(_end_s, filter(_dated, probe.demux(pictures))))
        start, end_s = time.monotonic(), 0.0
        last = dict.fromkeys(streams, -sys.maxsize)
        while True:
            with av.open(film) as source:
                shift_s: float | None = None
                numbers = count()
                packets: Iterable[Any] = source.demux([source.streams[i] for i in streams])
                for packet in packets:
                    index = packet.stream.index
                    picture = index == seen
                    # sound that goes on after the pictures would come twice at a time
                    if not _dated(packet) or (not picture and _end_s(packet) > over_s):
                        continue
                    if shift_s is None:
                        # the first dts is below 0 with B-frames
                        shift_s = end_s - float(packet.dts * packet.time_base)
                    at_s = _move(packet, shift_s)
                    if packet.dts <= last[index]:
                        continue
                    last[index] = packet.dts
                    time.sleep(max(0.0, start + at_s - time.monotonic()))
                    packet.stream = streams[index]
                    target.mux(packet)
                    if picture:
                        end_s = at_s
                        on_sent(next(numbers), time.monotonic())


def _move(packet: Any, shift_s: float) -> float:
    """Put a packet later by so many seconds; return when it ends."""
    shift = round(shift_s / packet.time_base)
    packet.pts += shift
    packet.dts += shift
    return _end_s(packet)


def _dated(packet: Any) -> bool:
    return packet.dts is not None and packet.time_base is not None


def _end_s(packet: Any) -> float:
    return float((packet.dts + (packet.duration or 0)) * packet.time_base)


def send_udp(film: str, port: int, on_sent: Callable[[int, float], None]) -> None:
    """Send a transport stream to a port of the loopback."""
    url = f"udp://127.0.0.1:{port}?pkt_size=1316"
    # or pictures wait until the other track has something to say
    options = {"flush_packets": "1", "max_interleave_delta": "1"}
    play(film, url, "mpegts", options, on_sent)


def _tell(number: int, sent_s: float) -> None:
    sys.stdout.write(f"{number} {sent_s}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    send_udp(sys.argv[1], int(sys.argv[2]), _tell)
