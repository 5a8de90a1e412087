"""What a long film leaves on the disk while it is read, so that memory does not grow with it.

The files have no name (TMPDIR says where they lie) and go with the process, however it ends. The
first megabyte stays in memory: a short film writes nothing.
"""

from __future__ import annotations

import tempfile
import weakref
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16
_LEVEL = 1
"""Of zlib: what one face repeats of the frame before shrinks twenty times at the least effort."""


class Scratch:
    """A temporary file: what was put in is had again by its place.

    Args:
        file: another one than the usual unnamed file.
    """

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file or tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        self._end = 0
        weakref.finalize(self, self._file.close)

    def put(self, data: bytes) -> tuple[int, int]:
        """Keep some bytes; return their place, for `get`.

        Raises:
            OSError: the disk is full; the error names the folder.
        """
        place = self._end, len(data)
        with _naming_the_folder():
            self._file.seek(self._end)
            self._file.write(data)
        self._end += len(data)
        return place

    def get(self, place: tuple[int, int]) -> bytes:
        """Return what was put at a place."""
        with _naming_the_folder():
            self._file.seek(place[0])
            return self._file.read(place[1])


class Records:
    """Records in the order in which they came, packed; read as often as wanted.

    Args:
        scratch: where they are kept.
    """

    def __init__(self, scratch: Scratch | None = None) -> None:
        self._scratch = scratch or Scratch()
        self._places: list[tuple[int, int]] = []
        self._block: list[bytes] = []
        self._size = 0

    def add(self, record: bytes) -> None:
        """Keep a record.

        Raises:
            OSError: the disk is full; the error names the folder.
        """
        self._block.append(record)
        self._size += len(record)
        if self._size >= BLOCK_BYTES:
            packed = zlib.compress(msgspec.msgpack.encode(self._block), _LEVEL)
            self._places.append(self._scratch.put(packed))
            self._block, self._size = [], 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the records."""
        for place in self._places:
            packed = zlib.decompress(self._scratch.get(place))
            yield from msgspec.msgpack.decode(packed, type=list[bytes])
        yield from self._block


@contextmanager
def _naming_the_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = f"{tempfile.gettempdir()} (TMPDIR)"
        raise
