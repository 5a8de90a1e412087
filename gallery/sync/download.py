"""FETCH: bring the missing files of a release to the disk, whatever interrupts it.

A file grows in `parts/<sha256>.part`, at full length from the start. After an interruption the
chunks that are there are found by hashing them: a bitmap could be newer than the data it vouches
for. A finished file is hashed whole, forced to the disk and renamed to `parts/<sha256>`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from typing import TYPE_CHECKING

from gallery.channel.durable import fsync_folder
from gallery.channel.errors import Refused, SourceError, SyncError
from gallery.channel.manifest import Chunk, File, chunks_of
from gallery.store.files import is_real_file
from gallery.store.segment import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gallery.channel.sources import ChunkSource

log = logging.getLogger(__name__)

FSYNC_EVERY = 8 * 1024 * 1024
FAILURES = 3
SPARE_BYTES = 16 * 1024 * 1024


class Stopped(SyncError):  # noqa: N818 - not an error: the process was asked to end
    """The process ends; the parts stay."""


class Download:
    """Fetches files into a folder.

    Args:
        folder: `parts/`, on the gallery's file system.
        sources: in order; the next one is tried after three failures of one.
        stopped: asked between chunks.
        count: told the size of each chunk that was verified and stored.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[ChunkSource],
        stopped: Callable[[], bool] = lambda: False,
        count: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._folder, self._sources = folder, sources
        self._stopped, self._count = stopped, count
        self._changed = ""
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, files: Sequence[File]) -> dict[str, Path]:
        """Return the path of each file by its hash.

        Raises:
            Refused: what came was not what the manifest names, from every source.
            SourceError: no source delivers.
            Stopped: the process was asked to end.
        """
        self.check_space(files)
        lists = [part for file in files if (part := file.list_file())]
        return {file.sha256: self._file(file) for file in [*lists, *files]}

    def check_space(self, files: Sequence[File]) -> None:
        """Refuse what the disk cannot hold.

        Raises:
            SyncError: it is too small.
        """
        wanted = sum(file.size for file in files)
        have = sum(path.stat().st_blocks * 512 for path in self._folder.iterdir())
        free = shutil.disk_usage(self._folder).free + have
        if wanted + SPARE_BYTES > free:
            raise SyncError(
                f"{self._folder}: {free >> 20} MiB free, the release needs "
                f"{(wanted + SPARE_BYTES) >> 20} MiB; free some space"
            )

    def _file(self, file: File) -> Path:
        done = self._folder / file.sha256
        if _is_done(done, file):
            return done
        hash_list = None
        if file.hash_list:
            hash_list = (self._folder / file.hash_list).read_bytes()
        part = self._folder / f"{file.sha256}.part"
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            resumed = os.fstat(handle).st_size == file.size
            if not resumed and file.size:
                os.ftruncate(handle, file.size)
                os.posix_fallocate(handle, 0, file.size)
            missing = [
                chunk
                for chunk in chunks_of(file, hash_list)
                if not (resumed and _stored(handle, chunk))
            ]
            self._fill(handle, missing)
            if _hash(handle, file.size) != file.sha256:
                part.unlink()
                raise Refused("mix-and-match", f"{file.path}: its chunks are not those of the file")
            os.fsync(handle)
        finally:
            os.close(handle)
        part.rename(done)
        fsync_folder(self._folder)
        return done

    def _fill(self, handle: int, missing: list[Chunk]) -> None:
        """Fetch the missing chunks from the sources in turn."""
        rest = {(chunk.offset): chunk for chunk in missing}
        reason = "no source is configured"
        for source in self._sources:
            failures = 0
            while rest and failures < FAILURES:
                before = len(rest)
                try:
                    self._pull(source, handle, rest)
                except SourceError as error:
                    reason = str(error)
                    log.debug("%s", error)
                failures = 0 if len(rest) < before else failures + 1
        if rest and self._changed:
            raise Refused("changed chunk", self._changed)
        if rest:
            raise SourceError(
                f"missing chunk: {len(rest)} of {len(missing)} not delivered; {reason}"
            )

    def _pull(self, source: ChunkSource, handle: int, rest: dict[int, Chunk]) -> None:
        unsynced = 0
        for chunk, data in source.fetch(list(rest.values())):
            if self._stopped():
                raise Stopped("the process was asked to end; what was fetched stays")
            found = hashlib.sha256(data).hexdigest()
            if found != chunk.sha256:
                self._changed = (
                    f"{source.name} gave {len(data)} B with sha256 {found[:12]}…, "
                    f"expected {chunk.length} B with {chunk.sha256[:12]}…"
                )
                log.warning("changed chunk refused: %s", self._changed)
                continue
            os.pwrite(handle, data, chunk.offset)
            rest.pop(chunk.offset, None)
            self._count(len(data))
            unsynced += len(data)
            if unsynced >= FSYNC_EVERY:
                os.fdatasync(handle)
                unsynced = 0


def _is_done(path: Path, file: File) -> bool:
    """Return whether a file is here; it was hashed when it got its name, and may have rotted."""
    if not is_real_file(path):
        return False
    if path.lstat().st_size == file.size and sha256_of(path) == file.sha256:
        return True
    path.unlink()
    return False


def _stored(handle: int, chunk: Chunk) -> bool:
    data = os.pread(handle, chunk.length, chunk.offset)
    return hashlib.sha256(data).hexdigest() == chunk.sha256


def _hash(handle: int, size: int) -> str:
    digest = hashlib.sha256()
    for offset in range(0, size, 1 << 20):
        digest.update(os.pread(handle, 1 << 20, offset))
    return digest.hexdigest()
