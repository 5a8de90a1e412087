"""Who is not to be named any more, while the release that removes them cannot be installed.

A removal must act even where a disk is damaged or no source delivers the rest of a release. The
updater then writes `DIR/withdrawn.json`: the ids, and the number of the release that removes them.
A reader leaves them out of any release below that number.
"""

from __future__ import annotations

import errno
import hashlib
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryCorruptError, GalleryInputError
from gallery.foreign_json import decode_json
from gallery.regular import read_bounded
from gallery.store.files import DISK, FileSystem
from gallery.store.limits import MAX_RELEASE, MAX_WITHDRAWN_BYTES
from gallery.store.person import check_person_id

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

WITHDRAWN_FILE = "withdrawn.json"
_NEW = ".withdrawn"


class Withdrawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids, ascending, and the release that removes them."""

    release: int = 0
    ids: tuple[str, ...] = ()

    def below(self, release: int) -> frozenset[str]:
        """Return who is to be left out of a release."""
        return frozenset(self.ids) if release < self.release else frozenset()


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    withdrawn: Withdrawn
    sha256: str


def read_withdrawn(folder: Path) -> Withdrawn:
    """Return who is withdrawn from a gallery; nobody where there is no such file.

    Raises:
        GalleryCorruptError: the file is not what was written, so that somebody could be missing.
    """
    path = folder / WITHDRAWN_FILE
    try:
        data = read_bounded(path, MAX_WITHDRAWN_BYTES)
        found = decode_json(data or b"", _Sealed).withdrawn
        if _encode(found) != data or not 0 <= found.release <= MAX_RELEASE:
            raise ValueError("was changed after it was written")  # noqa: TRY301
        for person_id in found.ids:
            check_person_id(person_id)
    except FileNotFoundError:
        return Withdrawn()
    except (OSError, ValueError, msgspec.MsgspecError, GalleryInputError) as error:
        raise GalleryCorruptError(
            f"{path}: says who was removed, and cannot be read: {error}; install the newest release"
        ) from error
    return found


def withdraw(folder: Path, release: int, ids: Collection[str], *, fs: FileSystem = DISK) -> bool:
    """Leave people out of all releases below `release`; False if nothing changed.

    Whoever was withdrawn before stays so.

    Raises:
        OSError: it cannot be written, or is too long.
    """
    try:
        before = read_withdrawn(folder)
    except GalleryCorruptError:
        before = Withdrawn()
    known = set(before.ids) if before.release else set()
    found = Withdrawn(max(before.release, release), tuple(sorted(known | set(ids))))
    if found == before or not found.ids:
        return False
    data = _encode(found)
    if len(data) > MAX_WITHDRAWN_BYTES:
        raise OSError(errno.EFBIG, f"{len(found.ids)} people are too many", str(folder))
    draft = folder / _NEW
    draft.unlink(missing_ok=True)
    fs.write(draft, [data])
    fs.sync_file(draft)
    fs.rename(draft, folder / WITHDRAWN_FILE)
    fs.sync_folder(folder)
    return True


def forget_withdrawn(folder: Path, release: int) -> None:
    """Remove the file when a release that no longer has these people is confirmed."""
    try:
        needed = read_withdrawn(folder).release > release
    except GalleryCorruptError:
        needed = False  # the release in use is the newest, which is what the remedy asks for
    if not needed:
        (folder / WITHDRAWN_FILE).unlink(missing_ok=True)


def _encode(withdrawn: Withdrawn) -> bytes:
    digest = hashlib.sha256(msgspec.json.encode(withdrawn)).hexdigest()
    return msgspec.json.encode(_Sealed(withdrawn, digest))
