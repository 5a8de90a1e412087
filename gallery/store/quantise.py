"""Templates as int8 rows with a scale each, and their binary sketches.

All arithmetic that decides a stored bit is exact, so that the same templates give the same bytes
on every machine and with every BLAS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gallery.errors import GalleryInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SKETCH_BITS = 128
_BLOCK = 16_384
_CENTRE_ROWS = 65_536
_FEW = 64


@dataclass(frozen=True, slots=True)
class Templates:
    """Quantised templates, those of one person beside each other.

    Attributes:
        rows: int8 (t, d).
        scales: float32 (t,); row * scale is the template.
        counts: uint8 (p,), templates of each person, at least one.
    """

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]
    counts: NDArray[np.uint8]


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 rows (n, d) and float32 scales (n,) of unit vectors.

    The largest value of a row becomes ±127; the scale gives the row the length 1 again, which
    takes away the part of the rounding error that would shift all scores of a person.
    """
    rows = np.empty(vectors.shape, np.int8)
    scales = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        largest = np.abs(block).max(axis=1, initial=1e-20).astype(np.float32)
        whole = np.rint(block * (np.float32(127) / largest)[:, None]).clip(-127, 127)
        part = slice(start, start + len(block))
        rows[part] = whole
        # Whole numbers in float64: their sum is the same in any order.
        squares = whole.astype(np.float64) ** 2
        scales[part] = 1 / np.sqrt(squares.sum(axis=1))
    return rows, scales


def restore(rows: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the templates, float32 (n, d), of unit length."""
    return rows.astype(np.float32) * scales[:, None]


def sketch(
    rows: NDArray[np.int8], scales: NDArray[np.float32], centre: NDArray[np.float64]
) -> NDArray[np.uint64]:
    """Return 128-bit sketches as two planes, uint64 (2, n).

    A bit is the sign of one coordinate after a fixed rotation, relative to the centre of the
    segment: the share of bits that differ between two rows estimates their angle (Charikar,
    "Similarity estimation techniques from rounding algorithms", 2002). Without the centre, what
    all faces have in common takes up a part of the bits.
    """
    planes = np.empty((2, len(rows)), np.uint64)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        bits = np.packbits(_rotated(rows[part], scales[part]) > centre, axis=1, bitorder="little")
        planes[:, part] = bits.view("<u8").T
    return planes


def sketch_centre(rows: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of the first rows after the rotation, float64 (128,)."""
    # In whole steps, whose sum is the same in any order.
    steps = np.rint(_rotated(rows[:_CENTRE_ROWS], scales[:_CENTRE_ROWS]) * 2**20).astype(np.int64)
    centre: NDArray[np.float64] = steps.sum(axis=0) / (len(steps) * 2.0**20)
    return centre


def _rotated(rows: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return templates after the rotation, float64 (n, 128): whole numbers times one scale."""
    rotation = _rotation(rows.shape[1])
    whole: NDArray[np.float64]
    if len(rows) <= _FEW:
        # A search: a BLAS would wake its threads for this, and they would take turns with others'.
        whole = np.einsum("nd,db->nb", rows.astype(np.float64), rotation)
    else:
        whole = rows.astype(np.float64) @ rotation
    whole *= scales[:, None].astype(np.float64)
    return whole


def check_vectors(vectors: NDArray[np.float32], what: str, dim: int | None = None) -> None:
    """Refuse what is not float32 (n, dim) of unit length.

    Raises:
        GalleryInputError: another dtype or shape, a value that is not finite, another length.
    """
    if vectors.dtype != np.float32 or vectors.ndim != 2 or dim not in {None, vectors.shape[1]}:
        raise GalleryInputError(
            f"{what}: {vectors.dtype} {list(vectors.shape)}, expected float32 [n, {dim or 'd'}]"
        )
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < 0.02))
    if len(wrong):
        raise GalleryInputError(
            f"{what}: row {wrong[0]} has the length {np.sqrt(lengths[wrong[0]]):.3f}, expected 1; "
            "divide each row by its norm"
        )


@cache
def _rotation(dim: int) -> NDArray[np.float64]:
    """Return (dim, 128) with whole numbers: two rounds of random signs and a Hadamard matrix.

    Whole numbers below 2**53 add up exactly in float64 in any order; a rotation from a QR
    decomposition would differ in the last bit from one BLAS to the next.
    """
    size = max(SKETCH_BITS, 1 << (dim - 1).bit_length())
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    # A congruential sequence of our own (Numerical Recipes): numpy may change its streams.
    state, signs = 20_211_201, np.empty(2 * size)
    for i in range(2 * size):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        signs[i] = 1 if state >> 31 else -1
    twice = (signs[:size, None] * hadamard) @ (signs[size:, None] * hadamard)
    return np.ascontiguousarray(twice[:dim, :SKETCH_BITS])
