"""Parts of a catalogue: what is embedded at once, and survives once it is done.

A part's file is named by all that its content depends on: people, pictures, models. Whoever runs
the same enrolment again finds what is done, and after a change of a few people only their parts
are made again, since where parts end depends on ids alone.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from engines.files import write_atomically
from gallery.enrol.people import EmbeddedPerson, Entry
from gallery.errors import GalleryWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_PEOPLE = 32
MAX_PICTURES = 64
"""A quarter of a minute on one core: what a kill costs."""
_CUT = 8
"""One id in this many ends a part."""
_FORM = "tvradar-part-2"
_DIGEST = 32

Part = tuple[EmbeddedPerson, ...]


class Shard(msgspec.Struct, frozen=True):
    """A part of a catalogue.

    Attributes:
        key: name of its file.
        entries: sorted by id.
        embedder: what embeds it, by its name in the catalog; empty for the default.
    """

    key: str
    entries: tuple[Entry, ...]
    embedder: str = ""

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return sum(len(entry.pictures) for entry in self.entries)


def cut(entries: Iterable[Entry], models: str, max_pictures: int = MAX_PICTURES) -> list[Shard]:
    """Return a catalogue in parts.

    Args:
        entries: sorted by id.
        models: identity of what embeds.
        max_pictures: a part takes nobody more once it has this many.
    """
    shards: list[Shard] = []
    part: list[Entry] = []
    pictures = 0
    for entry in entries:
        part.append(entry)
        pictures += len(entry.pictures)
        end = hashlib.sha256(entry.person.id.encode()).digest()[0] % _CUT == 0
        if end or len(part) >= MAX_PEOPLE or pictures >= max_pictures:
            shards.append(_shard(tuple(part), models))
            part, pictures = [], 0
    if part:
        shards.append(_shard(tuple(part), models))
    return shards


def encode(part: Part) -> bytes:
    """Return a part's file: the sha256 of the rest, and the people as MessagePack."""
    content = msgspec.msgpack.encode(part)
    return hashlib.sha256(content).digest() + content


class ShardStore:
    """The parts that are done, in a folder that only its owner may read: they are faces.

    Args:
        folder: made when it is not there.

    Raises:
        GalleryWriteError: it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = [one for one in folder.parents if not one.exists()]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritten(folder, error) from error

    @classmethod
    def beside(cls, folder: Path) -> ShardStore:
        """Return the store for what is enrolled into a gallery, `.NAME.enrolment` beside it."""
        folder = folder.absolute()
        return cls(folder.with_name(f".{folder.name}.enrolment"))

    def has(self, shard: Shard) -> bool:
        """Return whether a part is done; one that was damaged since is removed."""
        try:
            self._read(shard)
        except FileNotFoundError:
            return False
        except (ValueError, msgspec.MsgspecError, OSError):
            self._path(shard.key).unlink(missing_ok=True)
            return False
        return True

    def people(self, shards: Iterable[Shard]) -> Iterator[EmbeddedPerson]:
        """Yield everybody of some parts that are done, in order."""
        for shard in shards:
            try:
                yield from self._read(shard)
            except (ValueError, msgspec.MsgspecError, OSError) as error:  # noqa: PERF203
                raise GalleryWriteError(
                    f"{self._path(shard.key)}: was lost or damaged while it was in use ({error}); "
                    "run the command again"
                ) from error

    def put(self, key: str, encoded: bytes) -> None:
        """Write a part so that it is there whole or not at all, also after a power cut.

        Raises:
            GalleryWriteError: the disk is full or read-only.
        """
        try:
            write_atomically(self._path(key), encoded, 0o600)
            (self.folder / f"{key}.at").unlink(missing_ok=True)
        except OSError as error:
            raise _unwritten(self.folder, error) from error

    def begin(self, key: str, uri: str) -> None:
        """Note which picture of a part is opened next, in case the process dies."""
        with suppress(OSError):  # a full disk is reported when the part is written
            (self.folder / f"{key}.at").write_bytes(uri.encode())

    def in_work(self, key: str) -> str:
        """Return the picture that a part was at when its process died, and forget it."""
        note = self.folder / f"{key}.at"
        try:
            uri = note.read_bytes().decode(errors="replace")
            note.unlink(missing_ok=True)
        except OSError:
            return ""
        return uri

    def keep_only(self, shards: Iterable[Shard]) -> None:
        """Remove all parts but these."""
        kept = {f"{shard.key}.part" for shard in shards}
        for path in self.folder.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all parts, and the folders that were made for them where nothing else is in."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in self._made:
            with suppress(OSError):
                folder.rmdir()

    def remove_unless_useful(self) -> None:
        """Remove the folder where no part is done, so that a failure leaves nothing behind."""
        if not any(self.folder.glob("*.part")):
            self.remove()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.part"

    def _read(self, shard: Shard) -> Part:
        encoded = self._path(shard.key).read_bytes()
        if hashlib.sha256(encoded[_DIGEST:]).digest() != encoded[:_DIGEST]:
            raise ValueError("its sha256 is wrong")
        part = msgspec.msgpack.decode(encoded[_DIGEST:], type=Part)
        if [p.person.id for p in part] != [e.person.id for e in shard.entries]:
            raise ValueError("it has other people")
        return part


def _shard(entries: tuple[Entry, ...], models: str) -> Shard:
    content = msgspec.msgpack.encode((_FORM, models, entries))
    return Shard(hashlib.sha256(content).hexdigest(), entries)


def _unwritten(path: Path, error: OSError) -> GalleryWriteError:
    return GalleryWriteError(
        f"{error.filename or path}: {error.strerror or error}; make room or mend the disk and run "
        "the command again, what is done is kept"
    )
