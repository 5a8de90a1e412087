"""Face alignment: the five landmarks of a face onto the template of the embedder.

A detector puts the landmarks of a face of 24 pixels off by 6 to 7 % of its side, and its size by
5 to 7 %, which costs an embedding more than anything else does. In a crop around the face that is
enlarged they come out finer, and the mean of both finer still.

Of a turned face a detector guesses the eye and the corner of the mouth that are hidden. Another one
guesses otherwise: the face is cut out by both, and the embeddings' mean is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.detections import Detections
from engines.quality import yaw_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engines.detector import Detector

CHIP_SIZE_PX = 112
SMALL_PX = 48.0
"""Landmarks of faces with a shorter side from here on gain nothing."""
CLOSE_SIDES = 2.5
CLOSE_PX = 224
"""The crop is so many faces wide, and has this many pixels a side."""
NEAR = 0.3
"""Another face is further from the middle of the crop, in units of the face's side."""
LEAST_SCALE = 1e-3
"""A chip that shows so much more than 112 pixels is of no face."""

TURNED_YAW = 0.35
"""Faces of a film with a yaw from here on, as `quality.yaw_of` has it, are cut out a second time;
others win two thirds as much, and there are four times as many of them."""

ARCFACE_TEMPLATE_PX = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float32,
)
"""Right eye, left eye (as the viewer sees them: left, right), nose tip, mouth corners; x, y in a
112x112 chip. The template of ArcFace (Deng et al. 2019), which SFace uses too."""


def similarity_transforms(landmarks_px: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least-squares similarity (rotation, uniform scale, shift) onto the ArcFace template.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991. In two dimensions without reflection it has a closed form, which is used here: with
    centred points as complex numbers z (source) and w (target), the best factor is
    sum(conj(z) w) / sum(|z|^2).

    Args:
        landmarks_px: float32 (n, 5, 2), x and y in pixels of the frame.

    Returns:
        float64 (n, 2, 3), each maps frame pixels to chip pixels. Degenerate landmarks (all five
        in one place) give a pure shift of scale 0.
    """
    source = landmarks_px.astype(np.float64)
    target = ARCFACE_TEMPLATE_PX.astype(np.float64)
    centre, target_centre = source.mean(axis=1), target.mean(axis=0)
    z = (source - centre[:, None]) @ np.array([1, 1j])
    w = (target - target_centre) @ np.array([1, 1j])
    energy = np.maximum((np.abs(z) ** 2).sum(axis=1), 1e-12)
    factor = (z.conj() * w).sum(axis=1) / energy
    a, b = factor.real, factor.imag
    linear = np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], axis=1)
    shift = target_centre - (linear @ centre[..., None])[..., 0]
    return np.concatenate([linear, shift[..., None]], axis=2)


def align(
    bgr: NDArray[np.uint8], landmarks_px: NDArray[np.float32], *, zoom: float = 1.0
) -> NDArray[np.uint8]:
    """Cut aligned face chips out of a picture.

    Of a large face the mean of several pixels is taken for each pixel of the chip: with every
    second or eighth one alone, noise and the fine texture of skin and hair become false detail.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        landmarks_px: float32 (n, 5, 2), x and y in pixels of `bgr`.
        zoom: enlarges the face about the template's centre; 1 is the template itself.

    Returns:
        uint8 (n, 112, 112, 3), BGR; what lies outside the picture is black.
    """
    size = (CHIP_SIZE_PX, CHIP_SIZE_PX)
    chips = np.empty((len(landmarks_px), *size, 3), dtype=np.uint8)
    matrices = similarity_transforms(landmarks_px)
    if zoom != 1.0:
        matrices = matrices * zoom
        matrices[:, :, 2] += ARCFACE_TEMPLATE_PX.mean(axis=0) * (1 - zoom)
    for chip, matrix in zip(chips, matrices, strict=True):
        source, placed = _as_fine_as_the_chip(bgr, matrix)
        cv2.warpAffine(source, placed, size, dst=chip, flags=cv2.INTER_LINEAR)
    return chips


def _as_fine_as_the_chip(
    bgr: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the part of a picture that a chip shows, shrunk by a whole number to be as fine.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        matrix: float64 (2, 3), from its pixels to the chip's.

    Returns:
        The part and the matrix from its pixels; what was given where a chip's pixel is less than
        two of the picture's.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = int(1 / max(scale, LEAST_SCALE))
    if factor < 2:
        return bgr, matrix
    ends = np.array([[x, y, 1] for x in (0, CHIP_SIZE_PX) for y in (0, CHIP_SIZE_PX)])
    corners = ends @ cv2.invertAffineTransform(matrix).T
    limit = np.array(bgr.shape[1::-1])
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - factor, 0, limit).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + factor, 0, limit).tolist()
    if right <= left or bottom <= top:
        return bgr, matrix
    part = bgr[top:bottom, left:right]
    lack_y, lack_x = (-length % factor for length in part.shape[:2])
    if lack_y or lack_x:
        part = cv2.copyMakeBorder(part, 0, lack_y, 0, lack_x, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
    size = part.shape[1] // factor, part.shape[0] // factor
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    placed = matrix.copy()
    placed[:, 2] += matrix[:, :2] @ (np.array([left, top]) + (factor - 1) / 2)
    placed[:, :2] *= factor
    return np.asarray(small, np.uint8), placed


def with_fine_landmarks(
    detector: Detector, bgr: NDArray[np.uint8], faces: Detections
) -> Detections:
    """Return faces, small ones with landmarks that are fine enough to align by.

    Args:
        detector: finds faces.
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it, from a full-resolution pass.
    """
    small = np.flatnonzero(faces.sides_px < SMALL_PX)
    if not len(small):
        return faces
    landmarks = faces.landmarks_px.copy()
    for i in small.tolist():
        found = _from_close_by(detector, bgr, faces.xyxy_px[i])
        if found is not None:
            landmarks[i] = (landmarks[i] + found) / 2
    return Detections(faces.xyxy_px, faces.scores, landmarks)


def second_landmarks(
    detector: Detector, bgr: NDArray[np.uint8], faces: Detections, *, from_yaw: float
) -> dict[int, NDArray[np.float32]]:
    """Return where another detector sees the landmarks of faces, float32 (5, 2) each.

    Args:
        detector: another one than has found the faces.
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it.
        from_yaw: those that are turned so far, as `quality.yaw_of` has it.

    Returns:
        By the face's index; a face that it does not find is missing.
    """
    turned = np.flatnonzero(yaw_of(faces.landmarks_px) >= from_yaw).tolist()
    found = {i: _from_close_by(detector, bgr, faces.xyxy_px[i]) for i in turned}
    return {i: landmarks for i, landmarks in found.items() if landmarks is not None}


def cut_out(
    bgr: NDArray[np.uint8], faces: Detections, second_px: Mapping[int, NDArray[np.float32]]
) -> list[NDArray[np.uint8]]:
    """Return the chips of each face, uint8 (1 or 2, 112, 112, 3), BGR, its own landmarks' first.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it.
        second_px: the landmarks by which some are cut out again, float32 (5, 2), by index.
    """
    first = align(bgr, faces.landmarks_px)
    return [
        np.concatenate([first[[i]], align(bgr, second_px[i][None])]) if i in second_px else chip
        for i, chip in enumerate(first[:, None])
    ]


def _from_close_by(
    detector: Detector, bgr: NDArray[np.uint8], xyxy_px: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the landmarks of the face in the middle of a box, float32 (5, 2), or None."""
    side = float((xyxy_px[2:] - xyxy_px[:2]).max())
    if not side >= 1:
        return None
    scale = CLOSE_PX / (CLOSE_SIDES * side)
    shift = CLOSE_PX / 2 - scale * (xyxy_px[:2] + xyxy_px[2:]) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    size = (CLOSE_PX, CLOSE_PX)
    edge = cv2.BORDER_REPLICATE
    crop = cv2.warpAffine(bgr, matrix, size, flags=cv2.INTER_CUBIC, borderMode=edge)
    found = detector.detect(np.asarray(crop, np.uint8))
    if not len(found):
        return None
    centres = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
    apart = np.linalg.norm(centres - CLOSE_PX / 2, axis=1)
    nearest = int(np.argmin(apart))
    if apart[nearest] > NEAR * scale * side:
        return None
    return np.asarray((found.landmarks_px[nearest] - shift) / scale, np.float32)
