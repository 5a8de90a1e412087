"""A station of its own process: sends a film's packets over UDP, and says when each one went out.

    python -m edge.bench.stream_sender FILM PORT

Each line of its output is the number of the picture in the film and the monotonic time at which its
packet was sent. The film is sent again and again on one clock; without B-frames packets are in the
order of pictures. It ends with its parent.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def play(
    film: str, url: str, form: str, options: dict[str, str], on_sent: Callable[[int, float], None]
) -> None:
    """Send the film's packets at their own speed, again and again, on one clock.

    Args:
        film: an MP4 of H.264.
        url: where to.
        form: the container to send, as FFmpeg calls it.
        options: of the container.
        on_sent: told the number of each packet in the film, and when it was sent.
    """
    import av  # noqa: PLC0415 - the station of RTSP is run by a Python without it

    with av.open(url, "w", format=form, options=options) as target:
        with av.open(film) as probe:
            stream = target.add_stream_from_template(probe.streams.video[0])
        start, end = time.monotonic(), 0
        while True:
            with av.open(film) as source:
                shift: int | None = None
                for number, packet in enumerate(source.demux(video=0)):
                    if packet.dts is None or packet.time_base is None:
                        continue
                    if shift is None:
                        shift = end - packet.dts  # the first dts is below 0 with B-frames
                    end = _move(packet, shift)
                    time.sleep(max(0.0, start + float(end * packet.time_base) - time.monotonic()))
                    packet.stream = stream
                    target.mux(packet)
                    on_sent(number, time.monotonic())


def _move(packet: Any, shift: int) -> int:
    """Put a packet later by this many ticks; return where it ends."""
    packet.pts += shift
    packet.dts += shift
    return int(packet.dts + packet.duration)


def send_udp(film: str, port: int, on_sent: Callable[[int, float], None]) -> None:
    """Send a transport stream to a port of the loopback."""
    url = f"udp://127.0.0.1:{port}?pkt_size=1316"
    play(film, url, "mpegts", {"flush_packets": "1"}, on_sent)


def _tell(number: int, sent_s: float) -> None:
    sys.stdout.write(f"{number} {sent_s}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    send_udp(sys.argv[1], int(sys.argv[2]), _tell)
