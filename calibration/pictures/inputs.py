"""What the networks are given of a user's pictures, for calibration and for the gate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration.pictures.faces import give_room
from calibration.pictures.frames import compose_frames, frames_needed
from engines.detector import to_input
from engines.errors import PictureError
from engines.pictures.read import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from calibration.pictures.faces import Chips, Picture

log = logging.getLogger(__name__)

DETECTOR_SIDE_PX = 640
SIZES = (1.0, 0.6, 0.35)
"""Pictures to calibrate a detector with are shrunk in turn: it sees faces of all sizes."""


def chips_to_inputs(chips: Chips, colour_order: str) -> list[NDArray[np.float32]]:
    """Return one network input a chip, as `Embedder` makes them."""
    ordered = chips.bgr[..., ::-1] if colour_order == "rgb" else chips.bgr
    planes = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32)
    return [planes[i : i + 1] for i in range(len(planes))]


def detector_inputs(
    pictures: list[Picture], step: Callable[[], None] = lambda: None
) -> list[NDArray[np.float32]]:
    """Return one network input a picture, shrunk in turn, and the frames composed of them all."""
    read = _read(pictures, step)
    alone = [_shrunk(give_room(bgr), SIZES[i % len(SIZES)]) for i, bgr in enumerate(read.values())]
    return [to_input(bgr) for bgr in [*alone, *_frames(read)]]


def detector_pictures(
    pictures: list[Picture], step: Callable[[], None] = lambda: None
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Return what a detector is tested with, BGR.

    Returns:
        the pictures, each with room around and at most 640 px; and frames composed of them.
    """
    read = _read(pictures, step)
    return [_shrunk(give_room(bgr)) for bgr in read.values()], _frames(read)


def _frames(read: dict[str, NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return compose_frames(list(read.values()), list(read), frames_needed(len(read)))


def _read(pictures: list[Picture], step: Callable[[], None]) -> dict[str, NDArray[np.uint8]]:
    """Return by sha256 the pictures that can be read, at most 640 px."""
    found = {}
    for picture in pictures:
        step()
        try:
            found[picture.sha256] = _shrunk(read_picture(picture.path))
        except PictureError as error:
            log.warning("left out: %s", error)
    return found


def _shrunk(bgr: NDArray[np.uint8], share: float = 1.0) -> NDArray[np.uint8]:
    """Return a picture with its longer side at most 640 px, then a share of that."""
    scale = share * min(1.0, DETECTOR_SIDE_PX / max(bgr.shape[:2]))
    if scale == 1.0:
        return bgr
    size = [max(32, round(s * scale)) for s in bgr.shape[1::-1]]
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
