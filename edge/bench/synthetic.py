"""Templates with the score statistics of real faces, for galleries larger than any real set.

The figures are SFace's on 872 pictures of 18 actors (`docs/search.md`): two pictures of one person
have a cosine of 0.58 in the mean with a standard deviation of 0.14, two of different people 0.13
with 0.09.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMPOSTOR_MEAN = 0.129
IMPOSTOR_SD = 0.091
GENUINE_MEAN = 0.581
GENUINE_SD = 0.138
_QUALITY_SD = 0.15
_BLOCK = 65_536


class SyntheticFaces:
    """A population of people and pictures of them.

    A picture is a direction that all faces share, plus the person's own, plus chance, the latter
    two with a falling spectrum. How much of a picture is the person's varies, as quality does.

    Args:
        dim: length of a template, at least 32.
        seed: another seed is another population.
    """

    def __init__(self, dim: int, seed: int = 0) -> None:
        self.dim = dim
        self._seed = seed
        spread = (IMPOSTOR_SD / (1 - IMPOSTOR_MEAN)) ** 2
        self._spectrum = _spectrum(dim - 1, spread)
        # So that no axis of a template means more than another.
        square = np.random.default_rng((seed, 0)).standard_normal((dim, dim))
        self._rotation = np.linalg.qr(square)[0].astype(np.float32)

    def identities(self, people: int) -> NDArray[np.float32]:
        """Return what makes each person differ, float32 (people, dim)."""
        rng = np.random.default_rng((self._seed, 1))
        return self._directions(rng, people)

    def pictures(self, identities: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Return picture `number` of each person, float32 (people, dim), unit length."""
        rng = np.random.default_rng((self._seed, 2, number))
        out = np.empty(identities.shape, np.float32)
        mean = (GENUINE_MEAN - IMPOSTOR_MEAN) / (1 - IMPOSTOR_MEAN)
        for start in range(0, len(out), _BLOCK):
            mine = identities[start : start + _BLOCK]
            quality = rng.normal(np.sqrt(mean), _QUALITY_SD, (len(mine), 1)).clip(0.1, 0.98)
            own = quality * mine + np.sqrt(1 - quality**2) * self._directions(rng, len(mine))
            block = np.sqrt(1 - IMPOSTOR_MEAN) * own
            block[:, 0] += np.sqrt(IMPOSTOR_MEAN)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            out[start : start + len(mine)] = block @ self._rotation
        return out

    def _directions(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Return vectors of unit length with the spectrum, nothing along the shared direction."""
        out = np.zeros((count, self.dim), np.float32)
        for start in range(0, count, _BLOCK):
            block = out[start : start + _BLOCK, 1:]
            block[:] = rng.standard_normal(block.shape, np.float32) * self._spectrum
            block /= np.linalg.norm(block, axis=1, keepdims=True)
        return out


def _spectrum(dim: int, spread: float) -> NDArray[np.float32]:
    """Return standard deviations, float32 (dim,), whose unit vectors' cosines have this variance.

    The variance of the cosine of two independent directions is the sum of squared shares of the
    spectrum; a power law has one exponent for each variance.
    """
    low, high = 0.0, 4.0
    ranks = np.arange(1, dim + 1, dtype=np.float64)
    shares = ranks
    for _ in range(50):
        exponent = (low + high) / 2
        shares = ranks**-exponent
        shares /= shares.sum()
        low, high = (exponent, high) if (shares**2).sum() < spread else (low, exponent)
    return np.sqrt(shares).astype(np.float32)
