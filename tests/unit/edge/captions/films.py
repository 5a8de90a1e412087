"""Films of two seconds with subtitles: tracks of text, and CEA-608 inside the pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RATE, FRAMES = 25, 50
SRT = (
    "1\n00:00:00,200 --> 00:00:00,900\n<i>LIN:</i> Hello & welcome\n- Ada Chen: Hi\n\n"
    "2\n00:00:01,000 --> 00:00:01,800\nPlain\n\n"
)
VTT = "\ufeffWEBVTT\n\n" + SRT.replace(",", ".").replace("<i>LIN:</i> ", "<v.loud LIN>")
HEADER = b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\n[Events]\n"
# pop-on: load, clear the memory, row 15, "LIN: Hi!", clear the screen, show
CAPTION = "9420 9420 94ae 94ae 9470 9470 4c49 ceba 20c8 e9a1 942c 942c 942f 942f"
CLEAR = "942c 942c"
# a CEA-708 packet of its own: service 1, window 0 defined, "LIN: Hi!"
CEA_708 = bytes.fromhex("ff0930 fe983b fe4f00 fe0f1f fe1148 fe4c49 fe4e3a fe2048 fe6921 fe0300")


def with_track(path: Path, text: str, form: str, coded: str = "utf-8") -> None:
    """Write a film with one track of subtitles, by the ending of its name."""
    told = av.open(io.BytesIO(text.encode(coded)), format=form)
    lines = [packet for packet in told.demux() if packet.size]
    with av.open(str(path), "w") as film:
        video = _video(film, "mpeg4")
        track: Any
        if path.suffix == ".mp4":
            track = film.add_stream("mov_text")
            track.codec_context.subtitle_header = HEADER
        else:
            track = film.add_stream_from_template(told.streams[0])
        for number, packets in enumerate(_pictures(video)):
            while lines and float(lines[0].pts * lines[0].time_base) <= number / RATE:  # type: ignore[operator]
                line = lines.pop(0)
                film.mux(_packet(_timed_text(line, path), line, track))
            for packet in packets:
                film.mux(packet)
    told.close()


def with_cea_608(path: Path, caption: str = CAPTION, beside: bytes = b"") -> None:
    """Write a transport stream whose pictures carry a caption from 0.5 s on.

    Args:
        path: of the file.
        caption: pairs of CEA-608; none where it is empty.
        beside: triplets of CEA-708 that each picture carries, too.
    """
    pairs = [b"\xfc" + bytes.fromhex(pair) for pair in caption.split()]
    clear = [b"\xfc" + bytes.fromhex(pair) for pair in CLEAR.split()]
    data = dict(enumerate(pairs)) | dict(enumerate(clear, 35))
    with av.open(str(path), "w", format="mpegts") as film:
        video = _video(film, "libx264", {"preset": "ultrafast", "bf": "0"})
        number = 0
        for packets in _pictures(video):
            for packet in packets:
                raw, number = bytes(packet), number + 1
                own = data.get(number - 1, b"\xfc\x80\x80") if caption else b""
                film.mux(_packet(_sei(own + beside) + raw, packet, video))


def _video(film: Any, codec: str, options: dict[str, str] | None = None) -> Any:
    video = film.add_stream(codec, rate=RATE, options=options or {})
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    return video


def _pictures(video: Any) -> Iterator[list[Any]]:
    for number in range(FRAMES):
        picture = np.full((64, 64, 3), 4 * number, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, "bgr24")
        frame.pts = number
        yield video.encode(frame)
    yield video.encode(None)


def _packet(data: bytes, like: Any, stream: Any) -> Any:
    packet: Any = av.Packet(data)
    packet.pts, packet.dts, packet.time_base = like.pts, like.dts, like.time_base
    packet.duration, packet.is_keyframe, packet.stream = like.duration, like.is_keyframe, stream
    return packet


def _timed_text(line: Any, path: Path) -> bytes:
    data = bytes(line)
    return len(data).to_bytes(2, "big") + data if path.suffix == ".mp4" else data


def _sei(triplets: bytes) -> bytes:
    """Return an SEI message of ATSC A/53 captions (ITU-T T.35, `GA94`)."""
    count = 0xC0 | len(triplets) // 3
    payload = b"\xb5\x00\x31GA94\x03" + bytes([count, 0xFF]) + triplets + b"\xff"
    body, out, zeros = bytes([4, len(payload)]) + payload + b"\x80", bytearray(), 0
    for byte in body:
        if zeros >= 2 and byte <= 3:
            out.append(3)  # emulation prevention
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1\x06" + bytes(out)
