"""Files of ours: the cache folder, and writing whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import platformdirs

from engines.errors import CacheFolderError

if TYPE_CHECKING:
    from collections.abc import Iterable

BAD_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON of a type: a disk rots, somebody writes."""


def cache_dir() -> Path:
    """Return the folder of cached models: TVRADAR_CACHE, or `tvradar` in the XDG cache."""
    override = os.environ.get("TVRADAR_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("tvradar"))


def draft_of(path: Path, mode: int = 0o666) -> Path:
    """Make an empty file beside `path`, to be written and then renamed to it.

    Its permissions are those that the user's umask gives to a new file; `tempfile` makes files
    that nobody else can read. The suffix stays, by which libraries choose a format.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}{path.suffix}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    return draft


def write_atomically(path: Path, data: bytes | Iterable[bytes], mode: int = 0o666) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut.

    Args:
        path: the file.
        data: what it will hold, whole or in pieces.
        mode: who may read it, as far as the user's umask allows.

    Raises:
        CacheFolderError: the file belongs into the cache, which cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = draft_of(path, mode)
    except OSError as error:
        cache = cache_dir()
        if cache not in path.parents:
            raise
        raise CacheFolderError(
            f"{cache}: nothing can be written to the cache ({error.strerror}), expected a folder "
            "of this user's; name another one in TVRADAR_CACHE"
        ) from error
    try:
        with draft.open("wb") as file:
            file.writelines((data,) if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk names no file, or the draft
            error.filename, error.filename2 = str(path), None
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
