"""The landmarks that a turned face is aligned by.

A detector guesses the eye and the corner of the mouth that are hidden, and by five points what is
left of the face is enlarged until its eyes are as far apart as those of a frontal one. A mesh has a
head in it: hidden points have their place, and its size does not shrink as it turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.align import NEAR, similarity_transforms
from engines.detections import Detections
from engines.quality import yaw_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.mesh.network import FaceMesh, Mesh

TURNED_YAW = 0.35
"""Faces with a yaw from here on, as `quality.yaw_of` has it, are aligned by a mesh too. Those from
0.2 on gain as well, but half as much where they are small, and there are twice as many of them."""
FRONTAL_RADIUS_PX = 31.2
"""The radius of a frontal face's mesh in the chip."""


def with_turned_landmarks(
    mesh: FaceMesh, bgr: NDArray[np.uint8], faces: Detections, *, from_yaw: float = TURNED_YAW
) -> Detections:
    """Return faces, turned ones with landmarks that a mesh of the face agrees with.

    Args:
        mesh: finds the meshes.
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it.
        from_yaw: faces that are turned less stay as they are.
    """
    turned = np.flatnonzero(yaw_of(faces.landmarks_px) >= from_yaw)
    if not len(turned):
        return faces
    landmarks = faces.landmarks_px.copy()
    for i in turned.tolist():
        found = mesh.of(bgr, faces.xyxy_px[i], landmarks[i])
        if found is not None:
            landmarks[i] = _agreed(landmarks[i], found, float(faces.sides_px[i]))
    return Detections(faces.xyxy_px, faces.scores, landmarks)


def _agreed(landmarks_px: NDArray[np.float32], mesh: Mesh, side_px: float) -> NDArray[np.float32]:
    """Return the mean of both, as wide as lies between what five points and the mesh's size say.

    Five points alone enlarge a profile, since its eyes are close together; the mesh alone takes as
    little of it as of a frontal face. The mean of both scales does best.
    """
    theirs = mesh.landmarks_px
    middle = (landmarks_px.mean(axis=0) + theirs.mean(axis=0)) / 2
    if not np.linalg.norm(landmarks_px.mean(axis=0) - theirs.mean(axis=0)) < NEAR * side_px:
        return landmarks_px
    mean = ((landmarks_px + theirs) / 2).astype(np.float32)
    enlarged = float(np.linalg.norm(similarity_transforms(mean[None])[0, :, 0]))
    wider = np.sqrt(enlarged * mesh.radius_px / FRONTAL_RADIUS_PX)
    return np.asarray(middle + (mean - middle) * wider, np.float32)
