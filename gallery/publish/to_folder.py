"""Publish to a folder or an object store: the files under `public/`, timestamp last."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from gallery.channel.durable import fsync_file, fsync_folder
from gallery.publish.content import published
from gallery.publish.errors import PublishError

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.channel.manifest import File
    from gallery.publish.repository import Repository

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


def no_progress(_done: int, _total: int) -> None:
    """Say nothing."""


class Place(Protocol):
    """Somewhere that files go by name."""

    def size(self, name: str) -> int | None:
        """Return the size of a file there, None if it is not there."""

    def put(self, source: Path, name: str) -> None:
        """Store a file; readers see it whole or not at all."""


def publish_files(repository: Repository, place: Place, progress: Progress = no_progress) -> int:
    """Store what is missing there, in the order that a reader needs; return the bytes sent."""
    manifest = published(repository)
    files = [name for file in (manifest.files if manifest else ()) for name in _names(file)]
    immutable = [f"f/{name}" for name in files]
    live = repository.live_files()
    names = [*immutable, *live]
    total = sum((repository.public / name).stat().st_size for name in names)
    sent = done = 0
    for name in names:
        path = repository.public / name
        size = path.stat().st_size
        # Names with a hash or a version never change; the timestamp's does.
        if name == "m/timestamp.json" or place.size(name) != size:
            place.put(path, name)
            sent += size
        done += size
        progress(done, total)
    return sent


def _names(file: File) -> Iterator[str]:
    if file.hash_list:
        yield file.hash_list
    yield file.sha256


class Folder:
    """A folder: a USB stick, a web server's."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size(self, name: str) -> int | None:
        """See `Place`."""
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def put(self, source: Path, name: str) -> None:
        """See `Place`."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.new")
        try:
            shutil.copyfile(source, draft)
            fsync_file(draft)
            draft.rename(target)
            fsync_folder(target.parent)
        except OSError as error:
            raise PublishError(f"{target}: {error.strerror}; publish again to complete") from error


class ObjectStore:
    """Any store that fsspec knows, such as `s3://bucket/path`; needs the extra `cloud`."""

    def __init__(self, uri: str) -> None:
        try:
            import fsspec  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise PublishError(
                f"{uri}: needs fsspec; run {sys.executable} -m pip install fsspec"
            ) from error
        try:
            self._fs, self._root = fsspec.core.url_to_fs(uri)
        except (ImportError, ValueError) as error:
            raise PublishError(
                f"{uri}: {error}; install the fsspec driver of this store"
            ) from error
        self._uri = uri

    def size(self, name: str) -> int | None:
        """See `Place`."""
        try:
            info: dict[str, Any] = self._fs.info(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return int(info["size"])

    def put(self, source: Path, name: str) -> None:
        """See `Place`."""
        try:
            self._fs.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(source), f"{self._root}/{name}")
        except OSError as error:
            raise PublishError(f"{self._uri}/{name}: {error}; publish again to complete") from error
