"""The same film at television's sizes, and what it costs to decode it."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av

from edge.video.open import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.bench.notes import Notes

Size = Literal["source", "360p", "720p", "1080p", "2160p"]
HEIGHTS_PX = {"360p": 360, "720p": 720, "1080p": 1080, "2160p": 2160}


@contextmanager
def at_size(source: str, size: Size, scratch: Path) -> Iterator[str]:
    """Give a film scaled to a height, its width in proportion, coded as television is (H.264).

    Args:
        source: a video file.
        size: `source` leaves it as it is.
        scratch: a folder for the composed film; its labels are those of the source.

    Raises:
        SourceError: it is no film.
    """
    if size == "source":
        yield source
        return
    height = HEIGHTS_PX[size]
    path = scratch / f"{Path(source).stem}-{size}.mp4"
    with open_source(source) as film, av.open(str(path), "w") as target:
        width = round(film.size[0] * height / film.size[1] / 2) * 2
        stream = target.add_stream("libx264", rate=Fraction(film.fps or 25).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        stream.options = {"preset": "veryfast", "crf": "23"}
        for frame in film:
            picture = av.VideoFrame.from_ndarray(frame.bgr, format="bgr24")
            scaled = picture.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            scaled.pts, scaled.time_base = round(frame.pts_s * 90_000), stream.time_base
            target.mux(stream.encode(scaled))
        target.mux(stream.encode(None))
    try:
        yield str(path)
    finally:
        path.unlink()


def decode_on(source: str, _gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Decode a film: the limit that no way of naming can pass."""
    yield
    with open_source(source) as film:
        for picture in film.pictures():
            notes.saw(picture.pts_s)
            yield


def decode_bgr_on(source: str, _gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Decode a film and convert each picture to BGR."""
    yield
    with open_source(source) as film:
        for frame in film:
            notes.saw(frame.pts_s)
            yield
