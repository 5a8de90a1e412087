"""The form of a segment's templates file: safetensors, with one header only for given numbers.

The reader parses nothing: it makes the header that the file must have and compares. So there is no
header of a stranger's to be misled by (huge numbers, odd names, tensors that overlap).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gallery.store.quantise import SKETCH_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FORMAT = "tvradar-segment-1"
_ALIGNMENT = 64
_TYPES: dict[str, str] = {"|i1": "I8", "|u1": "U8", "<f4": "F32", "<u8": "U64", "<f8": "F64"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's place: `start` counts from the end of the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A header and what stands behind it."""

    header: bytes
    tensors: dict[str, Tensor]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + max(tensor.stop for tensor in self.tensors.values())

    def view(self, data: memoryview, name: str) -> NDArray[Any]:
        """Return a tensor of a file, not copied."""
        tensor = self.tensors[name]
        start, stop = len(self.header) + tensor.start, len(self.header) + tensor.stop
        return np.frombuffer(data[start:stop], tensor.dtype).reshape(tensor.shape)


def layout(rows: int, people: int, dim: int, model: str, *, sketched: bool) -> Layout:
    """Return the one layout of a file of this many templates of this many people."""
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {"rows": ("|i1", (rows, dim))}
    if sketched:
        shapes["centre"] = ("<f8", (SKETCH_BITS,))
        shapes["sketches"] = ("<u8", (2, rows))
    shapes["scales"] = ("<f4", (rows,))
    shapes["counts"] = ("|u1", (people,))
    described: dict[str, object] = {
        "__metadata__": {"format": _FORMAT, "model": model, "sketch_bits": str(SKETCH_BITS)}
    }
    tensors, offset = {}, 0
    for name, (code, shape) in shapes.items():
        dtype = np.dtype(code)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        tensors[name] = Tensor(dtype, shape, offset, offset + size)
        described[name] = {
            "dtype": _TYPES[code],
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(described, separators=(",", ":")).encode()
    # Spaces after the JSON are part of the format; they align the rows for the kernels.
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    return Layout(len(text).to_bytes(8, "little") + text, tensors)


def layout_of(data: memoryview, rows: int, people: int, dim: int, model: str) -> Layout | None:
    """Return the layout that a file has, None if it has neither of the two that it may have."""
    for sketched in (False, True):
        found = layout(rows, people, dim, model, sketched=sketched)
        if found.size == len(data) and data[: len(found.header)] == found.header:
            return found
    return None
