"""A segment: the templates and the people of one enrolment, in two immutable files.

`<sha256>.safetensors` is memory-mapped: rows (int8), scales, counts, and for a large segment
sketches. `<sha256>.sqlite` holds the people, sorted by id; person n has the rows after those of the
people before. One template takes 128 + 4 + 1 bytes at 128 dimensions, 16 more with a sketch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import mmap
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.store.files import DISK, FileSystem
from gallery.store.people_table import PeopleTable, build_people_table
from gallery.store.person import Person, check_person
from gallery.store.quantise import (
    SKETCH_BITS,
    Templates,
    check_vectors,
    quantise,
    sketch,
    sketch_centre,
)
from gallery.store.release import FileInfo, SegmentInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SKETCH_FROM_ROWS = 200_000
"""Smaller segments are scanned whole in less time than a sketch would save (`docs/search.md`)."""
MAX_TEMPLATES_PER_PERSON = 255
_FORMAT = "tvradar-segment-1"
_CHUNK = 8 << 20
_READ = 1 << 20
_ALIGNMENT = 64
_TYPES: dict[str, np.dtype[Any]] = {
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "F64": np.dtype("<f8"),
}


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
    header, arrays = _layout(templates, model)
    templates_file = _store(fs, folder, ".safetensors", _chunks(header, arrays))
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
    """

    info: SegmentInfo
    templates: Templates
    sketches: Sketches | None
    starts: NDArray[np.int32] | None
    people: PeopleTable

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
    """Open a segment after a check of both files' size and CRC.

    Raises:
        GalleryMissingError: a file is not there.
        GalleryCorruptError: a file is not what the release says.
    """
    path = folder / info.templates_file.name
    _check_crc(path, info.templates_file)
    _check_crc(folder / info.people_file.name, info.people_file)
    mapped = _map(path)
    arrays = _read_arrays(mapped, path, model)
    try:
        templates = Templates(arrays["rows"], arrays["scales"], arrays["counts"])
    except KeyError as error:
        raise _wrong(path, f"tensor {error} is missing") from error
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {
        "rows": (np.int8, (info.rows, dim)),
        "scales": (np.float32, (info.rows,)),
        "counts": (np.uint8, (info.people,)),
        "centre": (np.float64, (SKETCH_BITS,)),
        "sketches": (np.uint64, (2, info.rows)),
    }
    for name, array in arrays.items():
        if name not in expected or (array.dtype, array.shape) != expected[name]:
            raise _wrong(path, f"tensor {name} is {array.dtype} {list(array.shape)}")
    counts = templates.counts
    total = int(counts.sum(dtype=np.int64))
    if total != info.rows or not counts.all():
        raise _wrong(path, f"counts add up to {total}, expected {info.rows}")
    if not (np.isfinite(templates.scales).all() and (templates.scales > 0).all()):
        raise _wrong(path, "a scale is not a positive number")
    starts = None
    if info.rows != info.people:
        starts = np.zeros(info.people + 1, np.int32)
        np.cumsum(counts, out=starts[1:])
    sketches = None
    if "sketches" in arrays:
        if "centre" not in arrays or not np.isfinite(arrays["centre"]).all():
            raise _wrong(path, "sketches without a centre")
        sketches = Sketches(arrays["sketches"], arrays["centre"])
    people = PeopleTable(folder / info.people_file.name, info.people)
    return Segment(info, templates, sketches, starts, people)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    for chunk in _file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _layout(templates: Templates, model: str) -> tuple[bytes, list[NDArray[Any]]]:
    """Return the safetensors header and the arrays behind it."""
    arrays: dict[str, NDArray[Any]] = {"rows": templates.rows}
    if len(templates.rows) >= SKETCH_FROM_ROWS:
        arrays["centre"] = sketch_centre(templates.rows, templates.scales)
        arrays["sketches"] = sketch(templates.rows, templates.scales, arrays["centre"])
    arrays["scales"] = templates.scales
    arrays["counts"] = templates.counts
    names = {dtype: name for name, dtype in _TYPES.items()}
    described: dict[str, object] = {
        "__metadata__": {"format": _FORMAT, "model": model, "sketch_bits": str(SKETCH_BITS)}
    }
    offset = 0
    for name, array in arrays.items():
        described[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(described, separators=(",", ":")).encode()
    # Spaces after the JSON are part of the format; they align the rows for the kernels.
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text, list(arrays.values())


def _chunks(header: bytes, arrays: list[NDArray[Any]]) -> Iterator[bytes | memoryview]:
    yield header
    for array in arrays:
        flat = np.ascontiguousarray(array).data.cast("B")
        for start in range(0, len(flat), _CHUNK):
            yield flat[start : start + _CHUNK]


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
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


def _check_crc(path: Path, info: FileInfo) -> None:
    """Check size and CRC by reading: through a mapping, the whole file would count as ours."""
    found, size, buffer = 0, 0, memoryview(bytearray(_READ))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                found, size = zlib.crc32(buffer[:count], found), size + count
    except OSError as error:
        raise _unreadable(path, error) from error
    if size != info.size:
        raise _wrong(path, f"{size} bytes, expected {info.size}")
    if found != info.crc32:
        raise _wrong(path, f"CRC is {found:08x}, expected {info.crc32:08x}")


def _map(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> GalleryMissingError:
    return GalleryMissingError(
        f"{path}: cannot be read ({error.strerror}); install the release again"
    )


def _read_arrays(mapped: mmap.mmap, path: Path, model: str) -> dict[str, NDArray[Any]]:
    """Return views of the tensors; everything is checked, as if the CRC had not been."""
    try:
        return dict(_parse(mapped, model))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(path, str(error)) from error


def _parse(mapped: mmap.mmap, model: str) -> Iterator[tuple[str, NDArray[Any]]]:
    length = int.from_bytes(mapped[:8], "little")
    if not 2 <= length <= min(len(mapped) - 8, 1 << 16):
        raise ValueError(f"header of {length} bytes")
    described = json.loads(mapped[8 : 8 + length])
    metadata = described.pop("__metadata__")
    if (metadata["format"], metadata["model"]) != (_FORMAT, model):
        raise ValueError(f"is {metadata['format']!a} of model {metadata['model']!a}")
    end = 0
    for name, tensor in described.items():
        dtype, shape = _TYPES[tensor["dtype"]], [int(n) for n in tensor["shape"]]
        start, stop = tensor["data_offsets"]
        size = math.prod(shape)
        if start != end or stop - start != size * dtype.itemsize or min(shape) < 0:
            raise ValueError(f"tensor {name!a} is out of place")
        view = np.frombuffer(mapped, dtype, size, 8 + length + start)
        yield name, view.reshape(shape)
        end = stop
    if end != len(mapped) - 8 - length:
        raise ValueError("bytes after the last tensor")


def _wrong(path: Path, problem: str) -> GalleryCorruptError:
    return GalleryCorruptError(f"{path}: {problem}; install the release again")
