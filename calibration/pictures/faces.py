"""Pictures of people, as the models will see them: through the real detector and aligner."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration.errors import CalibrationError
from engines.align import CHIP_SIZE_PX, align
from engines.errors import PictureError
from engines.pictures.formats import KNOWN, is_picture_name, is_system_name
from engines.pictures.read import open_file, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from engines.detector import YunetDetector

log = logging.getLogger(__name__)

TIGHT_CROP_PX = 400
"""A smaller picture may be a crop of one face, which the detector finds only with room around."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Picture:
    """One picture file.

    Attributes:
        path: the file.
        person: the first folder below the root, or empty.
        sha256: of the file's bytes.
    """

    path: Path
    person: str
    sha256: str


def find_pictures(root: Path) -> list[Picture]:
    """Return all pictures of a folder tree, in the order of their names.

    What a system keeps for itself (thumbnails, waste) is passed over; a file that cannot be opened
    is left out with a warning.

    Raises:
        CalibrationError: there is none.
    """
    found = []
    for path in sorted(p for p in root.rglob("*") if is_picture_name(p.name)):
        parts = path.relative_to(root).parts
        if any(is_system_name(part) for part in parts):
            continue
        try:
            digest = _sha256(path)
        except PictureError as error:
            log.warning("left out: %s", error)
            continue
        found.append(Picture(path, parts[0] if len(parts) > 1 else "", digest))
    if not found:
        raise CalibrationError(
            f"{root}: no pictures, expected {KNOWN} files, best in one folder per person"
        )
    return found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_file(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def give_room(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Widen a small picture to 1.6 times its size by repeating its border."""
    height, width = bgr.shape[:2]
    if max(height, width) >= TIGHT_CROP_PX:
        return bgr
    top, left = round(height * 0.3), round(width * 0.3)
    padded = cv2.copyMakeBorder(bgr, top, top, left, left, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)


def largest_chip(detector: YunetDetector, bgr: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the aligned chip, uint8 (112, 112, 3) BGR, of a picture's largest face."""
    roomy = give_room(bgr)
    faces = detector.detect_pyramid(roomy)
    if not len(faces):
        return None
    chips = align(roomy, faces[[int(np.argmax(faces.sides_px))]].landmarks_px)
    return np.asarray(chips[0], np.uint8)


@dataclass(frozen=True)
class Chips:
    """Aligned faces of known people.

    Attributes:
        bgr: uint8 (n, 112, 112, 3), BGR.
        people: the person of each.
        sha256: the picture file of each.
    """

    bgr: NDArray[np.uint8]
    people: tuple[str, ...]
    sha256: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.people)

    def of(self, chosen: NDArray[np.bool_]) -> Chips:
        """Return the chosen ones."""
        where = np.flatnonzero(chosen)
        return Chips(
            self.bgr[where],
            tuple(self.people[i] for i in where),
            tuple(self.sha256[i] for i in where),
        )


def read_chips(
    detector: YunetDetector,
    pictures: list[Picture],
    progress: Callable[[], None] = lambda: None,
) -> Chips:
    """Return the largest face of each picture; pictures without one are left out."""
    found = []
    for picture in pictures:
        progress()
        try:
            chip = largest_chip(detector, read_picture(picture.path))
        except PictureError as error:
            log.warning("left out: %s", error)
            continue
        if chip is not None:
            found.append((chip, picture))
    size = (CHIP_SIZE_PX, CHIP_SIZE_PX, 3)
    return Chips(
        np.stack([c for c, _ in found]) if found else np.zeros((0, *size), np.uint8),
        tuple(p.person for _, p in found),
        tuple(p.sha256 for _, p in found),
    )


def calibration_people(people: set[str]) -> set[str]:
    """Choose every third person, in the order of their names' sha256; the others test."""
    ordered = sorted(people, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return set(ordered[::3])
