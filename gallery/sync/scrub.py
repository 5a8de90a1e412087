"""A slow look at all bytes in use, so that rot is found before the files are needed.

A flipped byte in a file that is open goes unnoticed until the next start; the next update would
link it. The scrub reads a little at a time while the updater has nothing else to do.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from typing import TYPE_CHECKING

from gallery.errors import GalleryError
from gallery.regular import open_regular
from gallery.store.layout import current_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from gallery.store.release import FileInfo

log = logging.getLogger(__name__)

EVERY_S = 24 * 3600.0
FIRST_S = 600.0
STEP_BYTES = 1 << 20
STEP_S = 1.0


class Scrub:
    """Reads the current release over and over; one thread uses it.

    Args:
        gallery: the store.
        every_s: from the end of one pass to the start of the next.
        first_s: from now to the start of the first.
        step_s: between two pieces of a megabyte.
    """

    def __init__(
        self,
        gallery: Path,
        every_s: float = EVERY_S,
        first_s: float = FIRST_S,
        step_s: float = STEP_S,
    ) -> None:
        self._gallery, self._every_s, self._step_s = gallery, every_s, step_s
        self._due_s = time.monotonic() + first_s
        self._pass: Iterator[str] | None = None
        self.passes = 0
        self.ended_s = 0.0
        """System time at which a pass ended last; 0 before the first."""

    def step(self) -> str:
        """Read a piece if it is time; return what is damaged when that is found, else ""."""
        if time.monotonic() < self._due_s:
            return ""
        self._due_s = time.monotonic() + self._step_s
        if self._pass is None:
            self._pass = self._look()
        try:
            return next(self._pass)
        except StopIteration:
            self._pass = None
            self._due_s = time.monotonic() + self._every_s
        return ""

    def again(self) -> None:
        """Begin a new pass now, after something was mended."""
        self._pass = None
        self._due_s = 0.0

    def _look(self) -> Iterator[str]:
        """Yield after each piece, "" or what is wrong with a file."""
        try:
            release, folder = current_release(self._gallery)
        except GalleryError as error:
            yield str(error)
            return
        for info in release.files:
            path = folder / info.name
            try:
                with open_regular(path) as file:
                    yield from self._read(path, file, info)
            except OSError as error:
                if not folder.is_dir():
                    return  # a newer release came, and this one went
                yield f"{path}: cannot be read ({error.strerror})"
        self.passes += 1
        self.ended_s = time.time()

    def _read(self, path: Path, file: FileIO, info: FileInfo) -> Iterator[str]:
        digest = hashlib.sha256()
        # The disk is asked, not the kernel's memory of it.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(STEP_BYTES):
            digest.update(piece)
            yield ""
        if digest.hexdigest() != info.sha256:
            yield f"{path}: its bytes have changed"
