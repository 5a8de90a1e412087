"""Pictures as a source: one file, or a folder of them."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from edge.errors import SourceError
from edge.video.frame import Frame
from edge.video.picture import PICTURE_SUFFIXES, picture_size, read_picture
from edge.video.source import SourceStats
from edge.video.sources.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ReadyPicture:
    """A picture that is converted already."""

    def __init__(self, frame: Frame) -> None:
        self.pts_s = frame.pts_s
        self.index = frame.index
        self.captured_ns = frame.captured_ns
        self._frame = frame

    def to_frame(self) -> Frame:
        """Return the frame."""
        return self._frame


class StillSource(Closing):
    """Pictures one by one, a second apart; in a folder in natural order (2 before 10).

    A single file that cannot be read is an error; in a folder it is skipped, counted and warned of.
    """

    live = False
    still = True
    can_seek = False

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        self.fps: float | None = 1.0
        self._strict = path.is_file()
        self._closed = False
        self._frames = 0
        self._warnings: list[str] = []
        self._paths = [path] if self._strict else self._list(path)
        self.size = picture_size(self._paths[0]) if self._strict else self._first_size()
        self.frame_count: int | None = len(self._paths)
        self.duration_s: float | None = float(len(self._paths))

    def _list(self, folder: Path) -> list[Path]:
        files = sorted((p for p in folder.iterdir() if p.is_file()), key=lambda p: natural(p.name))
        pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
        if not pictures:
            found = f"a folder with {len(files)} files and no picture among them"
            raise SourceError(self.uri, found, "jpg, png, webp, bmp or tiff files directly in it")
        self._warnings += [f"{p.name}: no picture" for p in files if p not in set(pictures)]
        return pictures

    def _first_size(self) -> tuple[int, int]:
        for path in self._paths:
            with contextlib.suppress(SourceError):
                return picture_size(path)
        found = f"none of the {len(self._paths)} pictures can be read"
        raise SourceError(self.uri, found, remedy="replace them")

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""
        return SourceStats(
            frames=self._frames,
            skipped_files=len(self._warnings),
            warnings=tuple(self._warnings),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Read the pictures one after the other."""
        for second, path in enumerate(self._paths):
            if self._closed:
                return
            try:
                bgr = read_picture(path)
            except SourceError as error:
                if self._strict:
                    raise
                self._warnings.append(str(error))
                continue
            index = self._frames
            self._frames += 1
            yield Frame(bgr, float(second), index, time.monotonic_ns())

    def pictures(self) -> Iterator[ReadyPicture]:
        """Read the pictures one after the other."""
        return map(ReadyPicture, self)

    def seek(self, pts_s: float) -> None:
        """Refuse: pictures have no time."""
        raise SourceError(self.uri, f"pictures, which have no second {pts_s:.1f} to go to")

    def close(self) -> None:
        """End the iteration."""
        self._closed = True


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts 2.jpg before 10.jpg."""
    parts = re.findall(r"(\d+)|(\D+)", name.casefold())
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]
