"""Recognition with hindsight: a shot is decided when it has ended, and the film as a whole."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from edge.hindsight.claims import claims_of
from edge.hindsight.join_tracks import decide_film, finished_tracks
from edge.offline.brief import Brief
from edge.offline.track_file import TrackFile
from edge.recognise.cues.cue import CueBoard
from edge.recognise.decide import Claim, Decision, decide, with_decision
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.step import fade
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import MIN_HITS

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from edge.recognise.cues.cue import CueKind, CueSource
    from edge.recognise.evidence import TrackState
    from edge.recognise.scene import Face, Scene
    from edge.recognise.step import Step
    from edge.video.frame import Frame
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery

EMBEDDINGS_PER_FRAME = 4
"""Faces embedded in one frame at most, where nobody waits for the answer."""


def offline_options(
    fpir: float, cast: frozenset[str], cues: Container[CueKind]
) -> RecogniserOptions:
    """Return what the recogniser is told wherever a source is read to its end.

    Args:
        fpir: the promised rate of false names.
        cast: ids of the title's cast.
        cues: what counts beside the face.
    """
    return RecogniserOptions(
        fpir=fpir,
        cast=cast,
        embeddings_per_frame=EMBEDDINGS_PER_FRAME,
        body="body" in cues,
        confirm=False,
    )


class OfflineRecogniser:
    """Follows a video to its end; yields the scenes of each shot once it is decided.

    Args:
        pipeline: the loaded models.
        gallery: who is known.
        options: budgets and promises.
        on_step: told what came of each frame before its shot was decided.
        cues: what is known beside the faces.

    Attributes:
        brief: faces of shots that are over that were seen for a moment only.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Gallery,
        options: RecogniserOptions,
        on_step: Callable[[Step], None] = lambda _: None,
        cues: CueSource | None = None,
    ) -> None:
        self._gallery, self._cues = gallery, cues or CueBoard()
        self._on_step = on_step
        # the first detection of a face counts too, once there was a second; hindsight over a whole
        # shot needs no other shot's evidence
        options = dataclasses.replace(options, min_hits=1, reidentify=False)
        self._thresholds = Thresholds(options.fpir, options.cast)
        self._recogniser = Recogniser(
            pipeline, lambda: gallery, options, self._thresholds, cues=self._cues
        )
        self._scenes: list[Scene] = []
        self._ended: list[TrackState] = []
        self._film = TrackFile()
        self.brief = Brief()

    def process(self, frame: Frame) -> list[Scene]:
        """Take a frame; return the scenes that it completes."""
        step = self._recogniser.process(frame)
        self._on_step(step)
        scene = step.scene
        self._ended += step.ended
        decided = []
        if self._scenes and scene.shot != self._scenes[-1].shot:
            decided = self._decide_shot()
        self._scenes.append(scene)
        return decided

    def finish(self) -> list[Scene]:
        """Return the scenes of the last shot."""
        self._ended += self._recogniser.end_shot()
        return self._decide_shot()

    def hindsight(self) -> dict[int, Decision]:
        """Return the decisions for all tracks so far, by number, from what the film says of them.

        The scenes of `process` and `finish` know their own shot only; see `with_decisions`.
        """
        policy = self._thresholds.prepare(self._gallery)
        return decide_film(self._film, self._gallery, policy, self._cues.supposed, shown=True)

    def _decide_shot(self) -> list[Scene]:
        scenes, tracks = self._scenes, self._ended
        self._scenes, self._ended = [], []
        policy = self._thresholds.prepare(self._gallery)
        least = _least_hits(scenes)
        for t in (one.track for one in tracks):
            self.brief = self.brief.after(t.last_s - t.first_s, shown=t.hits >= least)
        claims, co_occur = claims_of_shot(tracks, scenes, self._gallery)
        finished = finished_tracks(claims, tracks, scenes)
        self._film.add(scenes[0].shot if scenes else 0, finished)
        decisions = decide(claims, policy, co_occur)
        return [with_decisions(scene, decisions) for scene in scenes]


def claims_of_shot(
    tracks: list[TrackState], scenes: list[Scene], gallery: Gallery
) -> tuple[list[Claim], Callable[[int, int], bool]]:
    """Return what the tracks of one shot say, from all that was seen of them.

    And whether two of them, by number, were ever on screen at once.
    """
    frames: dict[int, set[int]] = defaultdict(set)
    for scene in scenes:
        for face in scene.seen:
            frames[face.track].add(scene.index)
    least = _least_hits(scenes)
    tracks = [t for t in tracks if t.track.number in frames and t.track.hits >= least]
    return claims_of(tracks, gallery), lambda a, b: not frames[a].isdisjoint(frames[b])


def _least_hits(scenes: list[Scene]) -> int:
    """Return how often a face of a shot must have been found to be shown."""
    return MIN_HITS if len(scenes) > 1 else 1


def with_decisions(scene: Scene, decisions: dict[int, Decision]) -> Scene:
    """Return a scene with these decisions for its tracks, by number; others stay as they are.

    A face that is turned away is left out where its track has no name, or too little of it is left.
    """
    faces: list[Face | None] = []
    for face in scene.faces:
        decision = decisions.get(face.track)
        if decision is None:
            faces.append(None if face.away_s else face)
            continue
        decided = with_decision(face, decision)
        faces.append(fade(decided) if face.away_s else decided)
    return msgspec.structs.replace(scene, faces=tuple(f for f in faces if f is not None))
