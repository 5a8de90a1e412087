"""Pictures as a source: one file, one that was fetched, or a folder of them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import SourceError
from edge.video.frame import Frame
from edge.video.picture import decode_still, read_still
from edge.video.source import SourceStats
from edge.video.sources.closing import Closing
from engines.pictures.formats import KNOWN, is_picture_name, is_system_name, why_not_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.pictures.read import DecodedPicture


class StillSource(Closing):
    """Pictures one by one, a second apart; in a folder in natural order (2 before 10).

    A single picture that cannot be read is an error; in a folder it is skipped, counted and warned
    of, as is all in it that is no picture.

    Args:
        place: path of a picture or of a folder of them, or the URL that `content` came from.
        content: a picture that was fetched.
    """

    live = False
    still = True
    can_seek = False

    def __init__(self, place: Path | str, content: bytes | None = None) -> None:
        self.uri = str(place)
        self.fps: float | None = 1.0
        self._content = content
        self._strict = content is not None or not Path(place).is_dir()
        self._closed = False
        self._frames = 0
        self._skipped = 0
        self._warnings: list[str] = []
        self.names: list[str] = []
        """Of the pictures that were read, in the order of their frames."""
        self._paths = [Path(place)] if self._strict else self._list(Path(place))
        self.frame_count: int | None = len(self._paths)
        self.duration_s: float | None = float(len(self._paths))
        self._pictures = self._decoded()
        self._first = next(self._pictures, None)
        if self._first is None:
            found = f"none of the {len(self._paths)} pictures can be read ({self._warnings[-1]})"
            raise SourceError(self.uri, found, remedy="replace them")
        bgr = self._first[1].bgr
        self.size = bgr.shape[1], bgr.shape[0]

    def _list(self, folder: Path) -> list[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
        except OSError as error:
            found = f"cannot be listed ({error.strerror})"
            raise SourceError(self.uri, found, remedy="check its permissions") from error
        entries = [entry for entry in entries if not is_system_name(entry.name)]
        pictures = [e for e in entries if e.is_file() and is_picture_name(e.name)]
        if not pictures:
            found = f"a folder with {len(entries)} files and no picture among them"
            raise SourceError(self.uri, found, f"{KNOWN} files directly in it")
        for entry in entries:
            if entry not in pictures:
                self._skip(f"{entry.name}: {_why_left_out(entry)}")
        return [Path(entry.path) for entry in pictures]

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""
        return SourceStats(
            frames=self._frames, skipped_files=self._skipped, warnings=tuple(self._warnings)
        )

    def __iter__(self) -> Iterator[Frame]:
        """Read the pictures one after the other."""
        read, self._first = self._first, None
        second = 0
        while read is not None and not self._closed:
            name, picture = read
            index = self._frames
            self._frames += 1
            self.names.append(name)
            yield Frame(picture.bgr, float(second), index, time.monotonic_ns())
            second += 1
            del picture, read
            read = next(self._pictures, None)

    def _decoded(self) -> Iterator[tuple[str, DecodedPicture]]:
        for path in self._paths:
            try:
                picture = self._read(path)
            except SourceError as error:
                if self._strict:
                    raise
                self._skip(str(error))
                continue
            self._warnings += _notes(self.uri if self._strict else path.name, picture)
            yield path.name, picture

    def _read(self, path: Path) -> DecodedPicture:
        if self._content is not None:
            return decode_still(self._content, self.uri)
        return read_still(path)

    def _skip(self, warning: str) -> None:
        self._skipped += 1
        self._warnings.append(warning)

    def pictures(self) -> Iterator[Frame]:
        """Read the pictures one after the other."""
        return iter(self)

    def seek(self, pts_s: float) -> None:
        """Refuse: pictures have no time."""
        raise SourceError(self.uri, f"pictures, which have no second {pts_s:.1f} to go to")

    def close(self) -> None:
        """End the iteration."""
        self._closed = True


def _why_left_out(entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        return "a folder in the folder, which is not looked into"
    if entry.is_symlink() and not Path(entry.path).exists():
        return "a link to nothing"
    return why_not_read(entry.name) if entry.is_file() else "not a plain file"


def _notes(subject: str, picture: DecodedPicture) -> list[str]:
    """Return what the user should know of how a picture was read."""
    notes = []
    if picture.shrunk:
        (width, height), (rows, columns) = picture.full_size_px, picture.bgr.shape[:2]
        notes.append(
            f"{subject}: {width}x{height} is searched at {columns}x{rows}; boxes are in its pixels"
        )
    if picture.animated:
        notes.append(f"{subject}: an animation, of which the first picture is read")
    return notes


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts 2.jpg before 10.jpg."""
    parts = re.findall(r"(\d+)|(\D+)", name.casefold())
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]
