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
    from collections.abc import Callable


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
        start, end_s = time.monotonic(), 0.0
        while True:
            with av.open(film) as source:
                shift_s: float | None = None
                numbers = count()
                for packet in source.demux([source.streams[index] for index in streams]):
                    if packet.dts is None or packet.time_base is None:
                        continue
                    if shift_s is None:
                        # the first dts is below 0 with B-frames
                        shift_s = end_s - float(packet.dts * packet.time_base)
                    picture = packet.stream.index == seen
                    at_s = _move(packet, shift_s)
                    time.sleep(max(0.0, start + at_s - time.monotonic()))
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
                    if picture:
                        end_s = at_s
                        on_sent(next(numbers), time.monotonic())


def _move(packet: Any, shift_s: float) -> float:
    """Put a packet later by so many seconds; return when it ends."""
    shift = round(shift_s / packet.time_base)
    packet.pts += shift
    packet.dts += shift
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
