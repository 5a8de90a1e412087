"""FETCH and STAGE: from a manifest to a folder that has what the gallery lacks of a release.

`release.json` comes first: what it says is checked before anything large is fetched, and whom it
removes is known even where nothing else arrives.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from gallery.channel.durable import fsync_file, fsync_folder
from gallery.channel.errors import Refused, SourceError
from gallery.errors import GalleryError
from gallery.regular import read_bounded
from gallery.store.files import DISK, is_real_file, is_real_folder, remove_tree
from gallery.store.layout import RELEASES, current_release, release_numbers
from gallery.store.release import (
    MAX_RELEASE_BYTES,
    RELEASE_FILE,
    Release,
    SegmentInfo,
    decode_release,
)
from gallery.store.segment import sha256_of
from gallery.sync.download import Download

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gallery.channel.manifest import File, Manifest
    from gallery.channel.sources import ChunkSource

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""After this many files that no source delivers, the rest is not asked for in this try."""


class Staging:
    """The folders `parts` and `staging` of an updater.

    Args:
        folder: the updater's own.
        gallery: the store, on the same disk.
        stopped: asked between chunks.
        count: told the size of each chunk.
    """

    def __init__(
        self,
        folder: Path,
        gallery: Path,
        stopped: Callable[[], bool],
        count: Callable[[int], None],
    ) -> None:
        self._folder, self._gallery = folder, gallery
        self._parts, self._staging = folder / "parts", folder / "staging"
        self._stopped, self._count = stopped, count
        self._files: dict[str, Path] = {}

    def begin(self, manifest: Manifest, sources: Sequence[ChunkSource]) -> Release:
        """Fetch `release.json`, and return what it says after a check against the manifest.

        Raises:
            Refused: it is not what the manifest promises, or not as we write it.
            SourceError: no source delivers it.
        """
        self._clear_parts(manifest)
        self._download = Download(self._parts, sources, self._stopped, self._count)
        first = next(file for file in manifest.files if file.path == RELEASE_FILE)
        if first.size > MAX_RELEASE_BYTES:
            raise Refused(
                "endless data", f"{RELEASE_FILE} of {first.size} B > {MAX_RELEASE_BYTES} B"
            )
        self._files = self._download.fetch([first])
        try:
            data = read_bounded(self._files[first.sha256], MAX_RELEASE_BYTES) or b""
            release = decode_release(data, self._files[first.sha256].with_name(RELEASE_FILE))
        except GalleryError as error:
            raise Refused("malformed release", str(error)) from error
        _check_promise(manifest, release)
        return release

    def fetch(self, manifest: Manifest) -> None:
        """Fetch what no release of the gallery has undamaged, the small tables of people first.

        Raises:
            Refused: what came was not what the manifest names, from every source.
            SourceError: no source delivers.
            SyncError: the disk is too small.
        """
        wanted = [file for file in manifest.files if not self._has(file)]
        self._download.check_space(wanted)
        wanted.sort(key=lambda file: (not file.path.endswith(".sqlite"), file.size))
        failures: list[Refused | SourceError] = []
        for file in wanted:
            failures += self._try(file)
            if len(failures) >= MOST_FAILURES:
                break
        if failures:
            raise failures[0]

    def _try(self, file: File) -> list[Refused | SourceError]:
        try:
            self._files |= self._download.fetch([file])
        except (Refused, SourceError) as error:
            return [error]
        return []

    def stage(self, manifest: Manifest) -> Path:
        """Give the finished files their names in a folder."""
        folder = self._staging / str(manifest.release)
        _remove(self._staging)
        folder.mkdir(parents=True)
        for file in manifest.files:
            if file.sha256 in self._files:
                (folder / file.path).hardlink_to(self._files[file.sha256])
                fsync_file(folder / file.path)
        fsync_folder(folder)
        return folder

    def clear(self) -> None:
        """Remove all that was fetched."""
        _remove(self._staging)
        _remove(self._parts)

    def people_file(self, info: SegmentInfo) -> Path | None:
        """Return a table of people that is here undamaged, fetched or in a release."""
        wanted = info.people_file
        places = [self._folder / "parts" / wanted.sha256, *self._copies(wanted.name)]
        return next((p for p in places if _is_whole(p, wanted.size, wanted.sha256)), None)

    def _has(self, file: File) -> bool:
        """Return whether the gallery has a file; what is on its disk is believed after a look."""
        if file.sha256 in self._files:
            return True
        return any(_is_whole(path, file.size, file.sha256) for path in self._copies(file.path))

    def _copies(self, name: str) -> list[Path]:
        return [
            self._gallery / RELEASES / str(number) / name
            for number in reversed(release_numbers(self._gallery))
        ]

    def _clear_parts(self, manifest: Manifest) -> None:
        """Remove what an abandoned update left, so that the disk does not fill up."""
        _remove(self._staging)
        keep = {file.sha256 for file in manifest.files}
        keep |= {file.hash_list for file in manifest.files if file.hash_list}
        if not is_real_folder(self._parts):
            _remove(self._parts)
            return
        for path in self._parts.iterdir():
            if path.name.removesuffix(".part") not in keep:
                _remove(path)


def damage(gallery: Path) -> str:
    """Return what is wrong with the current release at a quick look (no hash), or "".

    Raises:
        GalleryMissingError: there is no gallery.
    """
    release, folder = current_release(gallery)
    for info in release.files:
        path = folder / info.name
        if not is_real_file(path):
            return f"{path}: is lost"
        if path.lstat().st_size != info.size:
            return f"{path}: {path.lstat().st_size} bytes, expected {info.size}"
    return ""


def _check_promise(manifest: Manifest, release: Release) -> None:
    promised = (manifest.release, manifest.model, manifest.dim)
    found = (release.number, release.model, release.dim)
    if promised != found:
        raise Refused("mix-and-match", f"{RELEASE_FILE} is of {found}, the manifest of {promised}")
    listed = {file.name: (file.sha256, file.size) for file in release.files}
    named = {f.path: (f.sha256, f.size) for f in manifest.files if f.path != RELEASE_FILE}
    if listed != named:
        raise Refused("mix-and-match", f"{RELEASE_FILE} lists other files than the manifest")


def _is_whole(path: Path, size: int, sha256: str) -> bool:
    with contextlib.suppress(OSError):
        return is_real_file(path) and path.lstat().st_size == size and sha256_of(path) == sha256
    return False


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        remove_tree(DISK, path)
