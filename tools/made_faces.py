"""Pictures of faces that nobody has, made of photographs in the public domain.

Two photographs of the demonstration are warped and laid over each other in patches: enough for a
library of any size that may be shown and passed on. They are no measure of accuracy: what is made
of eight faces has eight faces' features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.demo.portraits import PORTRAITS, fetch_portraits
from engines.align import align
from engines.files import cache_dir
from engines.pipeline import load_pipeline
from tools.free_pictures import find_faces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bgr = NDArray[np.uint8]

SIDE_PX = 112
WARP_PX = 4.0
NEAR_REAL, NEAR_MADE = 0.35, 0.55
"""Cosines above which a made face is too like somebody real, or another made one."""
TRIES = 60


class FaceMaker:
    """Makes faces; the same seed makes the same ones."""

    def __init__(self, seed: int = 0) -> None:
        paths = fetch_portraits(cache_dir() / "demo" / "photographs")
        seen = [name for name, portrait in sorted(PORTRAITS.items()) if portrait.faces]
        photographs = [np.asarray(cv2.imread(str(paths[name])), np.uint8) for name in seen]
        found = find_faces(photographs)
        self._chips = [align(f.bgr, f.landmarks_px[None].astype(np.float32))[0] for f in found]
        self._random = np.random.default_rng(seed)

    def face(self) -> Bgr:
        """Return one face, uint8 (112, 112, 3)."""
        first, second = self._random.choice(len(self._chips), 2, replace=False)
        a, b = (self._warped(self._chips[i]).astype(np.float32) for i in (first, second))
        if self._random.random() < 0.5:
            a = a[:, ::-1]
        coarse = self._random.random((3, 3)).astype(np.float32)
        share = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        share = np.clip(share * 3 - 1, 0, 1)[..., None]
        b = (b - b.mean((0, 1))) / np.maximum(b.std((0, 1)), 1) * a.std((0, 1)) + a.mean((0, 1))
        mixed = (a * share + b * (1 - share)) * self._random.uniform(0.8, 1.2)
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def distinct(self, count: int) -> list[Bgr]:
        """Return faces that look neither like one of the photographs nor like each other."""
        embed = load_pipeline(threads=2, precision="fp32").embedder.embed
        real = embed(np.stack(self._chips)).vectors
        kept: list[Bgr] = []
        vectors = np.zeros((0, real.shape[1]), np.float32)
        for _ in range(TRIES):
            faces = [self.face() for _ in range(32)]
            found = embed(np.stack(faces)).vectors
            for face, vector in zip(faces, found, strict=True):
                near_made = (vectors @ vector).max(initial=-1.0)
                if (real @ vector).max() < NEAR_REAL and near_made < NEAR_MADE:
                    kept.append(face)
                    vectors = np.vstack([vectors, vector])
                if len(kept) == count:
                    return kept
        raise SystemExit(f"made_faces: {len(kept)} different faces, {count} were wanted")

    def many(self, count: int) -> Iterator[Bgr]:
        """Yield faces, whomever they look like."""
        return (self.face() for _ in range(count))

    def _warped(self, chip: Bgr) -> Bgr:
        coarse = self._random.normal(0, WARP_PX, (2, 5, 5)).astype(np.float32)
        size = (SIDE_PX, SIDE_PX)
        dx, dy = (cv2.resize(c, size, interpolation=cv2.INTER_CUBIC) for c in coarse)
        y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)
        warped = cv2.remap(chip, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(warped, np.uint8)
