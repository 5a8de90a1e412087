"""Which of several video streams or programmes is read."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
import av.stream

from edge.errors import SourceError
from edge.video.sources.pipe import Pipe
from edge.video.sources.programmes import LOOKED_AT, programmes_of

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from edge.video.source import SourceOptions
    from edge.video.sources.pipe import Readable
    from edge.video.sources.pyav_address import Address

RAW = "mpegtsraw"
LOOKED_AT_LIVE = 1 << 20
"""Of what cannot be read again: two seconds of a broadcast."""
Disposition = av.stream.Disposition


def choose_stream(
    container: av.container.InputContainer, options: SourceOptions, shown: str, begin: Path | bytes
) -> VideoStream:
    """Return the stream that was asked for, that its file marks as the default, or the largest.

    Args:
        container: opened.
        options: `stream` and `programme`.
        shown: the source, for messages.
        begin: its path, or its first bytes as far as they are known.

    Raises:
        SourceError: there is no picture, or no such stream or programme.
    """
    videos = [s for s in container.streams.video if _is_film(s)]
    if not videos:
        kinds = sorted({str(stream.type) for stream in container.streams})
        found = f"no picture in it, only {', '.join(kinds)}" if kinds else "nothing in it"
        raise SourceError(shown, found, "a video stream")
    programmes = _programmes(container, begin, videos)
    if options.programme is not None:
        if options.programme not in programmes:
            known = ", ".join(map(str, programmes)) or "none: it is no transport stream"
            found = f"no programme {options.programme} with a picture"
            raise SourceError(shown, found, f"one of {known}", "see --programme")
        videos = programmes[options.programme]
    elif options.stream is None:
        videos = next(iter(programmes.values()), videos)
    if options.stream is not None:
        if not 0 <= options.stream < len(videos):
            known = f"one from 0 to {len(videos) - 1}: {_listed(videos)}"
            raise SourceError(shown, f"no video stream {options.stream}", known, "see --stream")
        return videos[options.stream]
    marked = [s for s in videos if s.disposition & Disposition.default]
    return max(marked or videos, key=lambda s: s.width * s.height)


def begin_of(file: Readable | None, address: Address, options: SourceOptions) -> bytes:
    """Return the first bytes of what may be a transport stream, to read its tables.

    A stream is opened once more for that, and only where somebody asks for a programme.

    Args:
        file: what can be read once only.
        address: of a stream.
        options: `programme` and time-outs.
    """
    if isinstance(file, Pipe):
        return file.peek(LOOKED_AT_LIVE) if options.programme is not None else b""
    if options.programme is None or not address.network:
        return b""
    data, end_s = bytearray(), time.monotonic() + options.open_timeout_s
    timeout = (options.open_timeout_s, options.read_timeout_s)
    with (
        suppress(av.error.FFmpegError, OSError),
        av.open(address.url, format=RAW, options=dict(address.options), timeout=timeout) as raw,
    ):
        for packet in raw.demux():
            data += bytes(packet)
            if len(data) >= LOOKED_AT_LIVE or time.monotonic() > end_s:
                break
    return bytes(data)


def _programmes(
    container: av.container.InputContainer, begin: Path | bytes, videos: list[VideoStream]
) -> dict[int, list[VideoStream]]:
    """Return the video streams of each programme that has one, by its number."""
    if container.format.name != "mpegts":
        return {}
    if isinstance(begin, Path):
        with begin.open("rb") as file:
            begin = file.read(LOOKED_AT)
    pids = programmes_of(begin)
    found = {number: [v for v in videos if v.id in mine] for number, mine in pids.items()}
    return {number: mine for number, mine in found.items() if mine}


def _is_film(stream: VideoStream) -> bool:
    """Whether this is more than the picture on the sleeve of a music file."""
    cover = stream.disposition & Disposition.attached_pic
    return not cover and stream.codec_context is not None


def _listed(videos: list[VideoStream]) -> str:
    return ", ".join(f"{n} is {v.width}x{v.height} {v.name}" for n, v in enumerate(videos))
