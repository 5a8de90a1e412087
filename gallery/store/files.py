"""The few file system calls that a store's safety rests on, behind a seam.

Tests put a file system here that stops, fills up or loses what was not synced; the store knows
nothing of it.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, Protocol

from gallery.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class FileSystem(Protocol):
    """What the store does to a disk; every method may raise OSError."""

    def write(self, path: Path, chunks: Iterable[bytes | memoryview]) -> None:
        """Make a new file with these bytes; it is not durable before `sync_file`."""

    def sync_file(self, path: Path) -> None:
        """Make a file's content durable."""

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""

    def rename(self, source: Path, target: Path) -> None:
        """Move, replacing the target in one step."""

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, or copy it where the disk has no hard links."""

    def symlink(self, content: str, path: Path) -> None:
        """Make a symbolic link."""

    def make_folder(self, path: Path) -> None:
        """Make a folder, and its parents; fine if it exists."""

    def unlink(self, path: Path) -> None:
        """Remove a file or a symbolic link."""

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""


class DiskFileSystem:
    """The real one."""

    def write(self, path: Path, chunks: Iterable[bytes | memoryview]) -> None:
        """See `FileSystem`."""
        with path.open("xb") as file:  # exclusive: follows no link
            for chunk in chunks:
                file.write(chunk)

    def sync_file(self, path: Path) -> None:
        """See `FileSystem`."""
        _sync(path, os.O_RDONLY)

    def sync_folder(self, path: Path) -> None:
        """See `FileSystem`."""
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)

    def rename(self, source: Path, target: Path) -> None:
        """See `FileSystem`."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """See `FileSystem`."""
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if isinstance(error, FileNotFoundError | FileExistsError):
                raise
            # FAT and some network disks have no hard links, and two disks never share one.
            with open_regular(source) as read, target.open("xb") as written:
                shutil.copyfileobj(read, written, 1 << 20)

    def symlink(self, content: str, path: Path) -> None:
        """See `FileSystem`."""
        path.symlink_to(content)

    def make_folder(self, path: Path) -> None:
        """See `FileSystem`."""
        path.mkdir(parents=True, exist_ok=True)

    def unlink(self, path: Path) -> None:
        """See `FileSystem`."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """See `FileSystem`."""
        path.rmdir()


DISK = DiskFileSystem()


def remove_tree(fs: FileSystem, folder: Path) -> None:
    """Remove a folder and all in it, call by call, so that a test can stop between any two.

    A link is removed itself; what it points to is somebody else's.
    """
    if not is_real_folder(folder):
        fs.unlink(folder)
        return
    for path in sorted(folder.iterdir()):
        remove_tree(fs, path)
    fs.remove_folder(folder)


def is_real_folder(path: Path) -> bool:
    """Return whether this is a folder, and no link to one."""
    return _is(stat.S_ISDIR, path)


def is_real_file(path: Path) -> bool:
    """Return whether this is a regular file, and no link to one."""
    return _is(stat.S_ISREG, path)


def _is(kind: Callable[[int], bool], path: Path) -> bool:
    try:
        return kind(path.lstat().st_mode)
    except OSError:
        return False


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
