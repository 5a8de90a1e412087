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

from edge.testbed.remux import dated

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
            over_s = max(map(_end_s, dated(probe.demux(pictures))))
        start, end_s = time.monotonic(), 0.0
        last = dict.fromkeys(streams, -sys.maxsize)
        while True:
            with av.open(film) as source:
                shift_s: float | None = None
                numbers = count()
                for packet in dated(source.demux([source.streams[i] for i in streams])):
                    index = packet.stream.index
                    picture = index == seen
                    # sound that goes on after the pictures would come twice at a time
                    if not picture and _end_s(packet) > over_s:
                        continue
                    if shift_s is None:
                        shift_s = _shift_s(packet, end_s)
                    _move(packet, shift_s)
                    if packet.dts <= last[index]:
                        continue
                    last[index] = packet.dts
                    time.sleep(max(0.0, start + _due_s(packet) - time.monotonic()))
                    packet.stream = streams[index]
                    target.mux(packet)
                    if picture:
                        end_s = max(end_s, _end_s(packet))
                        on_sent(next(numbers), time.monotonic())


def _shift_s(first: Any, end_s: float) -> float:
    """Return how much later a round begins, so that its pictures follow those that end then.

    With B-frames its first packet is decoded before it is shown: at 0 the first time.
    """
    at = first.pts if end_s else first.dts
    return end_s - float(at * first.time_base)


def _move(packet: Any, shift_s: float) -> None:
    """Put a packet later by so many seconds."""
    shift = round(shift_s / packet.time_base)
    packet.pts += shift
    packet.dts += shift


def _due_s(packet: Any) -> float:
    return float((packet.dts + (packet.duration or 0)) * packet.time_base)


def _end_s(packet: Any) -> float:
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


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
