"""Which of several video streams or programmes is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.stream

from edge.errors import SourceError
from edge.video.sources.programmes import LOOKED_AT, programmes_of

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.stream import VideoStream

    from edge.video.source import SourceOptions

Disposition = av.stream.Disposition


def choose_stream(
    container: av.container.InputContainer, options: SourceOptions, shown: str, path: Path | None
) -> VideoStream:
    """Return the stream that was asked for, that its file marks as the default, or the largest.

    Args:
        container: opened.
        options: `stream` and `programme`.
        shown: the source, for messages.
        path: the file, where it is one.

    Raises:
        SourceError: there is no picture, or no such stream or programme.
    """
    videos = [s for s in container.streams.video if _is_film(s)]
    if not videos:
        kinds = sorted({str(stream.type) for stream in container.streams})
        found = f"no picture in it, only {', '.join(kinds)}" if kinds else "nothing in it"
        raise SourceError(shown, found, "a video stream")
    programmes = _programmes(container, path, videos)
    if options.programme is not None:
        if options.programme not in programmes:
            known = ", ".join(map(str, programmes)) or "none: only files that are transport streams"
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


def _programmes(
    container: av.container.InputContainer, path: Path | None, videos: list[VideoStream]
) -> dict[int, list[VideoStream]]:
    """Return the video streams of each programme that has one, by its number."""
    if path is None or container.format.name != "mpegts":
        return {}
    with path.open("rb") as file:
        pids = programmes_of(file.read(LOOKED_AT))
    found = {number: [v for v in videos if v.id in mine] for number, mine in pids.items()}
    return {number: mine for number, mine in found.items() if mine}


def _is_film(stream: VideoStream) -> bool:
    """Whether this is more than the picture on the sleeve of a music file."""
    cover = stream.disposition & Disposition.attached_pic
    return not cover and stream.codec_context is not None


def _listed(videos: list[VideoStream]) -> str:
    return ", ".join(f"{n} is {v.width}x{v.height} {v.name}" for n, v in enumerate(videos))
