"""A still picture: each face is a track of its own, decided at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.recognise.decide import Claim, Decision, Policy, decide
from edge.recognise.evidence import area, evidence_of_still
from edge.recognise.scene import Scene
from edge.recognise.search import search, search_cued
from edge.recognise.step import face_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.recognise.cues.cue import Cue
    from edge.video.frame import Frame
    from engines.pipeline import FacePipeline, StillFaces
    from gallery.search.search import Gallery


def identify_still(
    pipeline: FacePipeline,
    gallery: Gallery,
    frame: Frame,
    policy: Policy,
    *,
    first_track: int = 0,
    shot: int = 0,
    cues: Sequence[Cue] = (),
) -> Scene:
    """Name the faces of one still picture; each face is a track of its own."""
    found, claims, decisions = decide_still(
        pipeline, gallery, frame, policy, first_track=first_track, cues=cues
    )
    boxes, scores = found.faces.xyxy_px, found.faces.scores.tolist()
    faces = tuple(
        face_of(claim.track, boxes[i], scores[i], decisions[claim.track])
        for i, claim in enumerate(claims)
    )
    height, width = frame.bgr.shape[:2]
    return Scene(frame.pts_s, frame.index, width, height, shot, faces, gallery.release)


def decide_still(
    pipeline: FacePipeline,
    gallery: Gallery,
    frame: Frame,
    policy: Policy,
    *,
    first_track: int = 0,
    cues: Sequence[Cue] = (),
) -> tuple[StillFaces, list[Claim], dict[int, Decision]]:
    """Return a picture's faces, what each has to say, and what is said of it, by its track."""
    found, claims = _claims_of_still(pipeline, gallery, frame, first_track, cues)
    return found, claims, decide(claims, policy)


def _claims_of_still(
    pipeline: FacePipeline, gallery: Gallery, frame: Frame, first_track: int, cues: Sequence[Cue]
) -> tuple[StillFaces, list[Claim]]:
    found = pipeline.still(frame.bgr)
    if not len(found.faces):
        return found, []
    candidates = search(gallery, found.vectors)
    evidence = evidence_of_still(cues, [area(box) for box in found.faces.xyxy_px])
    cued = search_cued(gallery, found.vectors, evidence, candidates)
    return found, [
        Claim(
            first_track + i,
            candidates[i],
            *_legibility(found, i),
            evidence=evidence[i],
            cued=cued[i],
        )
        for i in range(len(found.faces))
    ]


def _legibility(found: StillFaces, i: int) -> tuple[float, float, float, float]:
    quality = found.quality
    return (
        float(quality.side_px[i]),
        float(quality.yaw[i]),
        float(quality.sharpness[i]),
        float(found.norms[i]),
    )
