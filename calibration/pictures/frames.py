"""Frames as a TV shows them, composed of a user's pictures: several faces, small, soft, compressed.

A detector that is calibrated with crops of single faces has not seen what its tensors hold on small
faces before a busy background. Everything is drawn from the pictures' sha256: same pictures, same
frames.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bgr = NDArray[np.uint8]

FRAME_PX = (640, 384)
"""Width and height: a 16:9 picture as the detector gets it."""
COLUMNS = (3, 5, 8)
"""Pictures side by side, in turn from frame to frame: cells of 213, 128 and 80 px."""
FILL = (0.45, 0.95)
"""How much of its cell a picture takes."""
BLUR_PX = (0.0, 1.6)
JPEG_QUALITY = (35, 90)
GAIN = (0.5, 1.3)


def frames_needed(pictures: int) -> int:
    """Return how many frames are composed of this many pictures: one of every eight."""
    return -(-pictures // 8)


def compose_frames(pictures: Sequence[Bgr], digests: Sequence[str], count: int) -> list[Bgr]:
    """Return frames of several pictures each, uint8 (384, 640, 3) BGR.

    Args:
        pictures: uint8 (height, width, 3), BGR.
        digests: of each picture; they decide what is drawn.
        count: how many frames.
    """
    if not pictures:
        return []
    seed = hashlib.sha256("".join(digests).encode()).digest()
    random = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    order = np.array([], np.intp)
    frames = []
    for index in range(count):
        columns = COLUMNS[index % len(COLUMNS)]
        cells = columns * _rows(columns)
        while len(order) < cells + 1:
            order = np.concatenate([order, random.permutation(len(pictures))])
        chosen, order = [pictures[i] for i in order[: cells + 1]], order[cells + 1 :]
        frames.append(_soften(_paste(chosen[0], chosen[1:], columns, random), random))
    return frames


def _rows(columns: int) -> int:
    return max(1, FRAME_PX[1] * columns // FRAME_PX[0])


def _paste(
    behind: Bgr, pictures: Sequence[Bgr], columns: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Lay pictures in a grid, each somewhere in its cell, over another one that is blurred."""
    width, height = FRAME_PX
    stretched = cv2.resize(behind, FRAME_PX, interpolation=cv2.INTER_LINEAR)
    frame = np.asarray(cv2.GaussianBlur(stretched, (0, 0), 8.0), np.uint8)
    cell_w, cell_h = width // columns, height // _rows(columns)
    for i, picture in enumerate(pictures):
        room = min(cell_w, cell_h) * random.uniform(*FILL)
        scale = room / max(picture.shape[:2])
        w, h = (max(8, round(s * scale)) for s in picture.shape[1::-1])
        small = cv2.resize(
            picture, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        if random.random() < 0.5:
            small = small[:, ::-1]
        left = (i % columns) * cell_w + int(random.integers(0, max(1, cell_w - w)))
        top = (i // columns) * cell_h + int(random.integers(0, max(1, cell_h - h)))
        frame[top : top + h, left : left + w] = small
    return frame


def _soften(frame: Bgr, random: np.random.Generator) -> Bgr:
    """Make a frame darker or brighter, blur it and compress it, as broadcasts are."""
    sigma, gain = random.uniform(*BLUR_PX), random.uniform(*GAIN)
    quality = int(random.integers(*JPEG_QUALITY))
    if sigma > 0.3:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8)
    frame = np.clip(np.rint(frame.astype(np.float32) * gain), 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
