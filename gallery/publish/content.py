"""From a gallery to what is published: files by hash, lists of chunk hashes, the manifest."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import fsync_file, fsync_folder, write_atomically
from gallery.channel.manifest import File, Manifest, Rollout, Source, decode, encode
from gallery.publish.errors import PublishInputError
from gallery.store import store
from gallery.store.release import RELEASE_FILE, Release, encode_release

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.publish.repository import Repository

CHUNK_SIZE = 128 * 1024 - 1024
"""With its topic it stays below the 128 KiB that AWS IoT Core takes in one message."""
RETAIN_UP_TO = 8 * 1024 * 1024
"""Files that are new in a release go to the broker if they are not larger than this together."""


class Options(msgspec.Struct, frozen=True):
    """How a release is published.

    Attributes:
        number: of the release; None takes the gallery's own.
        retain_up_to: bytes of new files that may lie on the broker.
        servers: chunk servers run.
        urls: base addresses of the published folder at web servers or object stores.
        allow_lower: publish a lower number; devices take it only after a rotation of the targets
            keys. The way back after a thief of those keys signed a huge number.
    """

    number: int | None = None
    rollout: Rollout = Rollout()
    removal: bool | None = None
    probation_s: int = 120
    chunk_size: int = CHUNK_SIZE
    retain_up_to: int = RETAIN_UP_TO
    servers: bool = True
    urls: tuple[str, ...] = ()
    allow_lower: bool = False


def prepare(repository: Repository, gallery: Path, options: Options) -> Manifest:
    """Copy the current release's files into the repository and return its manifest.

    Raises:
        PublishInputError: the number is not above the last one.
        GalleryCorruptError: a file of the gallery is damaged.
    """
    release, folder = store.current_release(gallery)
    before = published(repository)
    number = options.number or release.number
    lower = before is not None and number <= before.release
    if before and lower and not options.allow_lower and not same_content(before, release, number):
        raise PublishInputError(
            f"{gallery}: release {number}, and {before.release} is published; devices take only "
            f'higher numbers; enrol again, or give "--number {before.release + 1}"'
        )
    known = {file.sha256 for file in before.files} if before else set()
    fresh = sum(file.size for file in release.files if file.sha256 not in known)
    retained = 0 < fresh <= options.retain_up_to
    files = []
    for info in release.files:
        store.check_file(folder / info.name, info)
        keep = retained and info.sha256 not in known
        if before and info.sha256 in known:
            # What lies on the broker stays there: a device may be one release behind.
            keep = any(file.sha256 == info.sha256 and file.retained for file in before.files)
        files.append(
            add_file(repository, folder / info.name, info.name, options.chunk_size, retained=keep)
        )
    files.insert(0, add_release_file(repository, release, number, options))
    return Manifest(
        format=1,
        release=number,
        content=release.number,
        model=release.model,
        dim=release.dim,
        created=release.created,
        files=tuple(files),
        sources=_sources(options, tuple(files)),
        rollout=options.rollout,
        removal=release.forget_previous if options.removal is None else options.removal,
        probation_s=options.probation_s,
    )


def same_content(before: Manifest, release: Release, number: int) -> bool:
    """Return whether this very release is published already: then publishing completes it."""
    listed = {file.sha256 for file in before.files if file.path != RELEASE_FILE}
    return number == before.release and listed == {file.sha256 for file in release.files}


def published(repository: Repository) -> Manifest | None:
    """Return the manifest that is published now."""
    data = repository.manifest()
    return decode(data) if data else None


def _sources(options: Options, files: tuple[File, ...]) -> tuple[Source, ...]:
    sources = [Source("retained")] if any(file.retained for file in files) else []
    if options.servers:
        sources.append(Source("servers"))
    return (*sources, *(Source("https", url) for url in options.urls))


def add_release_file(
    repository: Repository, release: Release, number: int, options: Options
) -> File:
    """Store `release.json`, with the number that it is published under."""
    data = encode_release(msgspec.structs.replace(release, number=number))
    path = repository.public / "f" / hashlib.sha256(data).hexdigest()
    write_atomically(path, data)
    return add_file(repository, path, RELEASE_FILE, options.chunk_size, retained=True)


def add_file(
    repository: Repository, source: Path, name: str, chunk_size: int, *, retained: bool
) -> File:
    """Store a file under its hash, with the list of its chunks' hashes, and describe it."""
    whole, hashes = hashlib.sha256(), []
    with source.open("rb") as file:
        while chunk := file.read(chunk_size):
            whole.update(chunk)
            hashes.append(hashlib.sha256(chunk).digest())
    folder = repository.public / "f"
    _link_or_copy(source, folder / whole.hexdigest())
    hash_list = None
    if len(hashes) > 1:
        hash_list = hashlib.sha256(b"".join(hashes)).hexdigest()
        if not (folder / hash_list).is_file():
            write_atomically(folder / hash_list, b"".join(hashes))
    return File(
        name, source.stat().st_size, whole.hexdigest(), chunk_size, hash_list, retained=retained
    )


def _link_or_copy(source: Path, target: Path) -> None:
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:
        shutil.copyfile(source, draft)
    fsync_file(draft)
    draft.rename(target)
    fsync_folder(target.parent)


def resign(repository: Repository, manifest: Manifest) -> None:
    """Sign a manifest as the target, unless it is that already."""
    data = encode(manifest)
    if repository.manifest() != data:
        repository.publish(data)
    else:
        repository.complete()
