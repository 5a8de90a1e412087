"""A segment: the templates and the people of one enrolment, in two immutable files.

`<sha256>.safetensors` is memory-mapped: rows (int8), scales, counts, and for a large segment
sketches. `<sha256>.sqlite` holds the people, sorted by id; person n has the rows after those of the
people before. One template takes 128 + 4 + 1 bytes at 128 dimensions, 16 more with a sketch.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.regular import open_regular
from gallery.store.files import DISK, FileSystem
from gallery.store.limits import MAX_TEMPLATES_PER_PERSON
from gallery.store.mapping import map_file
from gallery.store.people_table import PeopleTable, build_people_table
from gallery.store.person import Person, check_person
from gallery.store.quantise import (
    Templates,
    check_vectors,
    quantise,
    sketch,
    sketch_centre,
)
from gallery.store.release import FileInfo, SegmentInfo
from gallery.store.segment_format import Layout, layout, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SKETCH_FROM_ROWS = 200_000
"""Smaller segments are scanned whole in less time than a sketch would save (`docs/search.md`)."""
_CHUNK = 8 << 20
_READ = 1 << 20
_BLOCK_ROWS = 8192
_LENGTH_ERROR = 1e-3
"""A scale is a float32, so a length squared is off by 1e-6 at most."""


def write_segment(
    folder: Path,
    people: Sequence[Person],
    templates: NDArray[np.float32],
    owners: NDArray[np.int32],
    model: str,
    *,
    fs: FileSystem = DISK,
) -> SegmentInfo:
    """Write a segment's two files; the same people give the same bytes, in whatever order.

    Args:
        folder: where; the files' names are their sha256.
        people: with different ids.
        templates: float32 (t, d), unit length.
        owners: int32 (t,), index into `people`; each person has 1 to 255 templates.
        model: identity of the embedder.
        fs: the disk.

    Raises:
        GalleryInputError: people or templates that cannot be stored.
    """
    check_vectors(templates, "templates")
    if owners.shape != (len(templates),) or not len(people):
        raise GalleryInputError(
            f"segment: {len(people)} people, {len(templates)} templates, owners "
            f"{list(owners.shape)}; expected people, and one owner for each template"
        )
    if owners.min(initial=0) < 0 or owners.max(initial=0) >= len(people):
        raise GalleryInputError(f"segment: an owner is not in 0..{len(people) - 1}")
    order = sorted(range(len(people)), key=lambda n: people[n].id)
    for before, after in itertools.pairwise(order):
        if people[before].id == people[after].id:
            raise GalleryInputError(f"{people[after].id}: is there twice, expected one of each")
    counts = np.bincount(owners, minlength=len(people))
    for n in np.flatnonzero((counts < 1) | (counts > MAX_TEMPLATES_PER_PERSON))[:1]:
        raise GalleryInputError(
            f"{people[n].id}: has {counts[n]} templates, expected 1 to {MAX_TEMPLATES_PER_PERSON}"
        )
    place = np.empty(len(people), np.int64)
    place[order] = np.arange(len(people))
    by_person = np.argsort(place[owners], kind="stable")
    rows, scales = quantise(templates)
    stored = Templates(rows[by_person], scales[by_person], counts[order].astype(np.uint8))
    return write_quantised(folder, (people[n] for n in order), stored, model, fs=fs)


def write_quantised(
    folder: Path,
    people: Iterable[Person],
    templates: Templates,
    model: str,
    *,
    fs: FileSystem = DISK,
) -> SegmentInfo:
    """Write a segment from people sorted by id and their templates in the same order."""
    fs.make_folder(folder)
    templates_file = _store(fs, folder, ".safetensors", _chunks(templates, model))
    raw = folder / ".people.db"
    raw.unlink(missing_ok=True)
    try:
        count = build_people_table(raw, (check_person(person) for person in people))
        people_file = _store(fs, folder, ".sqlite", _file_chunks(raw))
    finally:
        raw.unlink(missing_ok=True)
    if count != len(templates.counts):
        raise GalleryInputError(f"segment: {count} people, {len(templates.counts)} counts")
    return SegmentInfo(templates_file, people_file, len(templates.rows), count)


Inode = tuple[int, int]
"""Device and number of a file."""


@dataclass(frozen=True, slots=True)
class Sketches:
    """The sketches of a large segment.

    Attributes:
        planes: uint64 (2, t).
        centre: float64 (128,), see `quantise.sketch`.
    """

    planes: NDArray[np.uint64]
    centre: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """An open segment; dropping the last reference releases its files.

    Attributes:
        info: what its release says of it.
        templates: views of the mapped file.
        sketches: None in a small segment.
        starts: int32 (p + 1,), first row of each person, or None where each has one.
        people: the table.
        form: of the templates file.
        path: of the templates file.
        inodes: device and number of both files, which tell whether a folder still has these.
    """

    info: SegmentInfo
    templates: Templates
    sketches: Sketches | None
    starts: NDArray[np.int32] | None
    people: PeopleTable
    form: Layout
    path: Path
    inodes: tuple[Inode, Inode]

    def is_at(self, folder: Path, info: SegmentInfo, model: str, dim: int) -> bool:
        """Return whether a folder has these very files for what a release says of a segment."""
        if info != self.info:
            return False
        wanted = layout(info.rows, info.people, dim, model, sketched=self.sketches is not None)
        if wanted.header != self.form.header:
            return False
        try:
            found = tuple(
                (s.st_dev, s.st_ino) for s in ((folder / f.name).lstat() for f in info.files)
            )
        except OSError:
            return False
        return found == self.inodes

    def rows_of(self, ordinal: int) -> slice:
        """Return the rows of one person."""
        if self.starts is None:
            return slice(ordinal, ordinal + 1)
        return slice(int(self.starts[ordinal]), int(self.starts[ordinal + 1]))

    def rows_of_all(self, ordinals: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of several people, one person after the other, intp (n,)."""
        if self.starts is None:
            return ordinals
        counts = self.templates.counts[ordinals].astype(np.intp)
        ends = np.cumsum(counts)
        first = self.starts[ordinals].astype(np.intp) - (ends - counts)
        rows: NDArray[np.intp] = np.repeat(first, counts)
        rows += np.arange(len(rows))
        return rows

    def owners_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the ordinals of the people that some rows belong to, intp (n,)."""
        if self.starts is None:
            return rows
        return np.searchsorted(self.starts, rows, side="right") - 1


def open_segment(folder: Path, info: SegmentInfo, model: str, dim: int) -> Segment:
    """Open a segment after a check of both files' size, CRC and form.

    `check_segment` reads the rest.

    Raises:
        GalleryMissingError: a file is not there.
        GalleryCorruptError: a file is not what the release says.
    """
    path = folder / info.templates_file.name
    inodes = (
        _check_crc(path, info.templates_file),
        _check_crc(folder / info.people_file.name, info.people_file),
    )
    try:
        mapped = map_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    form = layout_of(mapped, info.rows, info.people, dim, model)
    if form is None:
        raise _wrong(
            path,
            f"has not the header of {info.rows} templates of {info.people} people by {model!a} at "
            f"{dim} dimensions",
        )
    views = {name: form.view(mapped, name) for name in form.tensors}
    templates = Templates(views["rows"], views["scales"], views["counts"])
    counts = templates.counts
    total = int(counts.sum(dtype=np.int64))
    if total != info.rows or not counts.all():
        raise _wrong(path, f"counts add up to {total}, expected {info.rows}")
    starts = None
    if info.rows != info.people:
        starts = np.zeros(info.people + 1, np.int32)
        np.cumsum(counts, out=starts[1:])
    sketches = None
    if "sketches" in views:
        if not np.isfinite(views["centre"]).all():
            raise _wrong(path, "the centre of the sketches is no number")
        sketches = Sketches(views["sketches"], views["centre"])
    people = PeopleTable(folder / info.people_file.name, info.people)
    return Segment(info, templates, sketches, starts, people, form, path, inodes)


def check_segment(segment: Segment) -> None:
    """Read all that is in a segment: each template has the length 1, each person is as we write it.

    Raises:
        GalleryCorruptError: something is not.
        GalleryMissingError: a file cannot be read any more.
    """
    rows, dim = segment.templates.rows.shape
    row = 0
    try:
        # Not through the mapping: the whole file would count as ours.
        with open_regular(segment.path) as file:
            file.seek(len(segment.form.header))
            while row < rows:
                block = min(_BLOCK_ROWS, rows - row)
                data = file.read(block * dim)
                if len(data) != block * dim:
                    raise _wrong(segment.path, "ends early")
                scales = segment.templates.scales[row : row + block]
                values = np.frombuffer(data, np.int8).reshape(block, dim)
                _check_lengths(segment.path, values, scales, row)
                row += block
    except OSError as error:
        raise _unreadable(segment.path, error) from error
    segment.people.check()


def _check_lengths(
    path: Path, rows: NDArray[np.int8], scales: NDArray[np.float32], first: int
) -> None:
    values = rows.astype(np.float32)  # whole numbers whose squares add up exactly
    squares = np.einsum("nd,nd->n", values, values).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = squares * scales.astype(np.float64) ** 2
    wrong = np.flatnonzero(~((np.abs(lengths - 1) < _LENGTH_ERROR) & (scales > 0)))
    if len(wrong):
        n = wrong[0]
        raise _wrong(
            path,
            f"template {first + n} has the scale {scales[n]:.3g}, which does not give it length 1",
        )
    if rows.min(initial=0) == -128:
        raise _wrong(path, "a template has the value -128, expected -127 to 127")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    for chunk in _file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(templates: Templates, model: str) -> Iterator[bytes | memoryview]:
    """Yield a templates file."""
    count, dim = templates.rows.shape
    sketched = count >= SKETCH_FROM_ROWS
    arrays: dict[str, NDArray[Any]] = {
        "rows": templates.rows,
        "scales": templates.scales,
        "counts": templates.counts,
    }
    if sketched:
        arrays["centre"] = sketch_centre(templates.rows, templates.scales)
        arrays["sketches"] = sketch(templates.rows, templates.scales, arrays["centre"])
    form = layout(count, len(templates.counts), dim, model, sketched=sketched)
    yield form.header
    for name in form.tensors:
        flat = np.ascontiguousarray(arrays[name]).data.cast("B")
        for start in range(0, len(flat), _CHUNK):
            yield flat[start : start + _CHUNK]


def _file_chunks(path: Path) -> Iterator[bytes]:
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _store(
    fs: FileSystem, folder: Path, suffix: str, chunks: Iterator[bytes | memoryview]
) -> FileInfo:
    """Write a durable file that is named by its content."""
    digest, size, crc = hashlib.sha256(), 0, 0

    def counted() -> Iterator[bytes | memoryview]:
        nonlocal size, crc
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
            yield chunk

    unnamed = folder / f".new{suffix}"
    fs.write(unnamed, counted())
    fs.sync_file(unnamed)
    info = FileInfo(digest.hexdigest() + suffix, size, digest.hexdigest(), crc)
    fs.rename(unnamed, folder / info.name)
    return info


def _check_crc(path: Path, info: FileInfo) -> Inode:
    """Check size and CRC by reading: through a mapping, the whole file would count as ours."""
    found, size, buffer = 0, 0, memoryview(bytearray(_READ))
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            # A file that is too long is not read to its end.
            while size <= info.size and (count := file.readinto(buffer)):
                found, size = zlib.crc32(buffer[:count], found), size + count
    except OSError as error:
        raise _unreadable(path, error) from error
    if size != info.size:
        raise _wrong(path, f"{status.st_size} bytes, expected {info.size}")
    if found != info.crc32:
        raise _wrong(path, f"CRC is {found:08x}, expected {info.crc32:08x}")
    return status.st_dev, status.st_ino


def _unreadable(path: Path, error: OSError) -> GalleryMissingError:
    return GalleryMissingError(
        f"{path}: cannot be read ({error.strerror}); install the release again"
    )


def _wrong(path: Path, problem: str) -> GalleryCorruptError:
    return GalleryCorruptError(f"{path}: {problem}; install the release again")
