"""A release: the list of immutable files and tombstones that make up one state of a gallery.

`release.json` has one valid form only, and ends with its own sha256, so that any change of any
byte is found before a value of it is used.
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.foreign_json import decode_json
from gallery.regular import read_bounded
from gallery.store.limits import (
    MAX_DIM,
    MAX_HEADER_BYTES,
    MAX_RELEASE,
    MAX_ROWS,
    MAX_SEGMENTS,
    MAX_TEMPLATES_PER_PERSON,
    PAGE_BYTES,
    most_people_bytes,
)
from gallery.store.person import check_person_id
from gallery.texts import brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELEASE_FILE = "release.json"
MAX_RELEASE_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_CREATED = re.compile(r"[0-9T:.Z+-]{0,40}")


class FileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One immutable file; its name is its sha256 and a suffix.

    `crc32` is what a reader checks at each start: it finds a rotten disk at 4 GB/s. `sha256` is
    checked when the file arrives and by `tvradar gallery verify`.
    """

    name: str
    size: int
    sha256: str
    crc32: int


class SegmentInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One segment.

    Attributes:
        templates_file: the safetensors file.
        people_file: the SQLite file.
        rows: number of templates.
        people: number of people.
    """

    templates_file: FileInfo
    people_file: FileInfo
    rows: int
    people: int

    @property
    def files(self) -> tuple[FileInfo, FileInfo]:
        """Both files."""
        return self.templates_file, self.people_file


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """Somebody in a segment who counts no more.

    It names a place and not just an id, so that somebody who was removed and added again lives
    in the later segment.

    Attributes:
        segment: index into the release's segments.
        ordinal: index of the person in that segment.
        id: the person's id.
    """

    segment: int
    ordinal: int
    id: str


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One state of a gallery.

    Attributes:
        number: rises by one at least.
        model: identity of the embedder, e.g. `sface-2021dec`.
        dim: length of a template.
        segments: oldest first.
        tombstones: sorted.
        created: UTC, ISO 8601.
        forget_previous: people were erased; releases before this one still hold them and are to
            be deleted as soon as this one is confirmed (`store.forget_previous`).
    """

    number: int
    model: str
    dim: int
    segments: tuple[SegmentInfo, ...]
    tombstones: tuple[Tombstone, ...]
    created: str
    forget_previous: bool = False
    format: Literal["tvradar-release-1"] = "tvradar-release-1"

    @property
    def files(self) -> tuple[FileInfo, ...]:
        """All files of all segments."""
        return tuple(file for segment in self.segments for file in segment.files)

    @property
    def identity(self) -> str:
        """What caches go by: a number may come again, when a gallery is made again."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @property
    def created_s(self) -> float:
        """When it was made, seconds since 1970; not a number where that is not known."""
        try:
            return datetime.fromisoformat(self.created.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError):
            return math.nan

    @property
    def people_count(self) -> int:
        """How many people can be found."""
        return sum(s.people for s in self.segments) - len(self.tombstones)


class _Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    release: Release
    sha256: str


def encode_release(release: Release) -> bytes:
    """Return the one valid form of `release.json`."""
    digest = hashlib.sha256(msgspec.json.encode(release, order="deterministic")).hexdigest()
    encoded = msgspec.json.encode(_Signed(release, digest), order="deterministic")
    return msgspec.json.format(encoded, indent=1) + b"\n"


def decode_release(data: bytes, path: Path) -> Release:
    """Return the release; `path` is for the message.

    Raises:
        GalleryCorruptError: anything is not as `encode_release` would write it.
    """
    try:
        release = decode_json(data, _Signed).release
        intact = encode_release(release) == data
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise GalleryCorruptError(
            f"{path}: is no release of this version: {brief(error)}; install the release again"
        ) from error
    if not intact:
        raise GalleryCorruptError(
            f"{path}: was changed after it was written (its sha256 or its form is wrong); "
            "install the release again"
        )
    _check(release, path)
    return release


def read_release(path: Path) -> Release:
    """Return the release that a file describes.

    Raises:
        GalleryMissingError: the file cannot be read.
        GalleryCorruptError: it is not what was written.
    """
    try:
        data = read_bounded(path, MAX_RELEASE_BYTES)
    except OSError as error:
        raise GalleryMissingError(
            f"{path}: cannot be read ({error.strerror}); install a release, or enrol people with "
            '"tvradar gallery enrol"'
        ) from error
    if data is None:
        raise GalleryCorruptError(
            f"{path}: is larger than {MAX_RELEASE_BYTES} bytes; install the release again"
        )
    return decode_release(data, path)


def _check(release: Release, path: Path) -> None:
    """Refuse values that no writer of ours makes, whoever computed the sha256 over them."""
    wrong = next(_problems(release), None)
    if wrong is not None:
        raise GalleryCorruptError(f"{path}: {brief(wrong)}; install the release again")


def _problems(release: Release) -> Iterator[str]:
    """Yield what is wrong; later checks may take for granted what earlier ones have found good."""
    if not 1 <= release.number <= MAX_RELEASE:
        yield f"number {release.number}, expected 1 to {MAX_RELEASE}"
    if not 1 <= release.dim <= MAX_DIM:
        yield f"templates of {release.dim} values, expected 1 to {MAX_DIM}"
    if not _MODEL.fullmatch(release.model):
        yield f"model {release.model[:80]!a}, expected letters, digits, '.', '_' or '-'"
    if not _CREATED.fullmatch(release.created):
        yield f"created {release.created[:80]!a}, expected a time as 2026-01-31T12:00:00Z"
    if len(release.segments) > MAX_SEGMENTS:
        yield f"{len(release.segments)} segments, expected at most {MAX_SEGMENTS}"
    for segment in release.segments:
        yield from _segment_problems(segment, release.dim)
    if sum(segment.rows for segment in release.segments) > MAX_ROWS:
        yield f"more than {MAX_ROWS} templates"
    yield from _tombstone_problems(release)


def _segment_problems(segment: SegmentInfo, dim: int) -> Iterator[str]:
    people, rows = segment.people, segment.rows
    if not 1 <= people <= rows <= people * MAX_TEMPLATES_PER_PERSON:
        yield f"{people} people with {rows} templates"
    for file, suffix in zip(segment.files, (".safetensors", ".sqlite"), strict=True):
        if (
            not _SHA256.fullmatch(file.sha256)
            or file.name != file.sha256 + suffix
            or not 0 <= file.crc32 < 2**32
        ):
            yield f"file name {file.name[:80]!a}, or its CRC"
    least = rows * (dim + 4) + people
    size = segment.templates_file.size
    if not least < size <= least + 16 * rows + 2 * MAX_HEADER_BYTES:
        yield f"{size} bytes for {rows} templates of {dim} values"
    size = segment.people_file.size
    if size % PAGE_BYTES or not 2 * PAGE_BYTES <= size <= most_people_bytes(people):
        yield f"{size} bytes for the texts and photos of {people} people"


def _tombstone_problems(release: Release) -> Iterator[str]:
    before = (-1, -1)
    for tombstone in release.tombstones:
        place = (tombstone.segment, tombstone.ordinal)
        if not (
            0 <= tombstone.segment < len(release.segments)
            and 0 <= tombstone.ordinal < release.segments[tombstone.segment].people
        ):
            yield f"tombstone of {tombstone.id[:80]!a} for nobody"
        if place <= before:
            yield "tombstones not sorted, or two of one person"
        before = place
        try:
            check_person_id(tombstone.id)
        except GalleryInputError as error:
            yield f"tombstone: {error}"
