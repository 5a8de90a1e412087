"""The innermost loops of search: dot products of int8 rows and distances of sketches.

All run on the caller's thread alone, so that a search never takes the cores of the detector.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

numkong: Any
try:
    numkong = importlib.import_module("numkong")
except ImportError:  # no wheel for this machine: numpy gives the same sums, more slowly
    numkong = None

_PROBES = 8
"""More packed probes than this at once, and numkong falls back to a slower path."""
_BLOCK = 65_536
_RUN = 64
_SAMPLED = 31


def dots(rows: NDArray[np.int8], probes: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return the exact dot products of rows (n, d) with probes (m, d), int32 (n, m).

    Packing the few probes instead of the many rows leaves the rows where they are mapped.
    """
    if numkong is None:
        return dots_numpy(rows, probes)
    rows = np.ascontiguousarray(rows)
    parts = [
        np.asarray(numkong.dots_packed(rows, numkong.dots_pack(probes[i : i + _PROBES])))
        for i in range(0, len(probes), _PROBES)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def dots_numpy(rows: NDArray[np.int8], probes: NDArray[np.int8]) -> NDArray[np.int32]:
    """Do as `dots` without numkong; exact, as float32 holds all whole numbers below 2**24."""
    columns = np.ascontiguousarray(probes.T, np.float32)
    found = np.empty((len(rows), len(probes)), np.int32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK].astype(np.float32)
        found[start : start + len(block)] = block @ columns
    return found


def highest(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return where the `count` highest scores are, and those equal to or little below the last.

    The maxima of runs of 64 scores give a bound that at least `count` scores reach; that takes two
    passes at memory speed, a partition takes ten times as long.
    """
    runs = len(scores) // _RUN
    if runs <= count:
        return np.arange(len(scores)) if len(scores) <= count else _partition(scores, count)
    maxima = scores[: runs * _RUN].reshape(runs, _RUN).max(axis=1)
    bound = np.partition(maxima, runs - count)[runs - count]
    return np.flatnonzero(scores >= bound)


def _partition(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    bound = np.partition(scores, len(scores) - count)[len(scores) - count]
    return np.flatnonzero(scores >= bound)


def nearest_sketches(
    planes: NDArray[np.uint64], probe: NDArray[np.uint64], count: int
) -> NDArray[np.intp]:
    """Return the rows whose sketches differ least from the probe's, ascending, intp (>= count,).

    All rows at the last distance are in, so that the answer does not depend on their order.

    Args:
        planes: uint64 (2, n).
        probe: uint64 (2,).
        count: how many at least.
    """
    rows = planes.shape[1]
    if rows <= count:
        return np.arange(rows)
    distances = np.empty(rows, np.uint8)
    words = np.empty(min(rows, _BLOCK), np.uint64)
    bits = np.empty(min(rows, _BLOCK), np.uint8)
    for start in range(0, rows, _BLOCK):
        part = distances[start : start + _BLOCK]
        size = len(part)
        np.bitwise_xor(planes[0, start : start + size], probe[0], out=words[:size])
        np.bitwise_count(words[:size], out=part)
        np.bitwise_xor(planes[1, start : start + size], probe[1], out=words[:size])
        np.bitwise_count(words[:size], out=bits[:size])
        part += bits[:size]
    limit = _smallest_limit(distances, count)
    return np.flatnonzero(distances <= limit)


def _smallest_limit(distances: NDArray[np.uint8], count: int) -> int:
    """Return the smallest distance that at least `count` rows do not exceed.

    A sample guesses it and counting corrects the guess; a partition takes ten times as long.
    """
    sampled = np.bincount(distances[::_SAMPLED], minlength=129).cumsum() * _SAMPLED
    limit = int(np.searchsorted(sampled[:128], count))
    while np.count_nonzero(distances <= limit) < count:
        limit += 1
    while limit and np.count_nonzero(distances <= limit - 1) >= count:
        limit -= 1
    return limit
