"""Writing so that a power cut leaves the old state or the new one, never a mixture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def fsync_file(path: Path) -> None:
    """Force the file's content to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_folder(path: Path) -> None:
    """Force the folder's entries to the disk: a rename is durable only after this."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(folder: Path) -> None:
    """Force all files below `folder`, and the folders themselves, to the disk."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if not path.is_symlink():
                fsync_file(path)
        fsync_folder(Path(root))


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the content of `path`; after the return it survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    with _new(draft, mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    fsync_folder(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the content of `path` at once for readers; lost at a power cut.

    For what is about this run of the machine only: nothing is forced to the disk.
    """
    draft = path.with_name(f".{path.name}.new")
    with _new(draft, 0o644) as file:
        file.write(data)
    draft.replace(path)


def _new(path: Path, mode: int) -> BinaryIO:
    """Make a file for writing; one of that name is removed, and a link never followed."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    return os.fdopen(handle, "wb")
