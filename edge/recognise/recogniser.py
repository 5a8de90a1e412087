"""A frame's way: cut, detect, track, embed, search, decide; out comes one immutable scene."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.decide import Decision, decide
from edge.recognise.detection_schedule import CALM_S, Pace
from edge.recognise.evidence import TrackState, is_sure, rough_quality_of, urgency
from edge.recognise.governor import Budget
from edge.recognise.letterbox import Bars
from edge.recognise.reidentify import Left, Memory
from edge.recognise.scene import Candidate, Face, Scene
from edge.recognise.shots import ShotDetector
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import MIN_HITS, Tracker
from engines.align import align
from engines.detections import Detections
from engines.quality import measure_quality
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from numpy.typing import NDArray

    from edge.recognise.track import Track
    from edge.video.frame import Frame
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery

log = logging.getLogger(__name__)

CANDIDATES = 3
HURRIED_FACES = 6
REJOIN_WITHIN_FACES = 3
"""After so many faces of its own a track needs nobody else's."""
COAST_S = 0.2
"""A face that the detector misses is shown this much longer where it was heading."""
BARS_EVERY = 10
"""One frame in so many is looked at for black bars."""


@dataclass(frozen=True, slots=True)
class RecogniserOptions:
    """What the recogniser may spend and promise.

    Attributes:
        fpir: promised share of strangers who get a name.
        embeddings_per_frame: faces embedded in one frame at most.
        detect_every: detection runs on every n-th frame; tracks move on between.
        calm_s: seconds between two detections while nothing moves much; 0 knows no calm.
        cast: ids of the title's cast, favoured in decisions.
        min_hits: sightings after which a track is shown.
        rejoin: a face that comes back goes on with the evidence of the track that it had.
        cuts: shots are told apart; false for frames that are known to be of one.
    """

    fpir: float = 0.01
    embeddings_per_frame: int = 2
    detect_every: int = 1
    calm_s: float = CALM_S
    cast: frozenset[str] = frozenset()
    min_hits: int = MIN_HITS
    rejoin: bool = True
    cuts: bool = True


class Recogniser:
    """Names the faces of one video, frame by frame; one thread uses it.

    Args:
        pipeline: the loaded models.
        gallery: returns the gallery to use; asked once per frame, so that a new one may come in
            between two frames.
        options: budgets and promises.
        thresholds: of each release; whoever prepares them beforehand saves a frame the time.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Callable[[], Gallery],
        options: RecogniserOptions | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._gallery = gallery
        self._options = options or RecogniserOptions()
        self._shots = ShotDetector()
        self._tracker = Tracker()
        self._pace = Pace(self._options.calm_s)
        self._bars = Bars()
        self._taken = 0
        self._states: dict[int, TrackState] = {}
        self.thresholds = thresholds or Thresholds(self._options.fpir, self._options.cast)
        self._scores = pipeline.scores
        self._memory = Memory(self._scores.same)
        self._shot = 0
        self._frames = 0
        self._flips = 0
        self._hurried = False
        self._told = ""
        self._refused: tuple[tuple[NDArray[np.float32], str], ...] = ()
        self.stage_s: dict[str, list[float]] = {}
        self.detected: tuple[tuple[int, ...], Detections] = ((), Detections.empty())
        """The last frame's detections that are tracked, and the number of the track of each; none
        where it was looked at in half its size."""
        self.on_track_end: Callable[[TrackState], None] = lambda _: None
        self.budget = Budget()
        """What a frame may cost; whoever sees that the device is too slow lowers it."""

    def process(self, frame: Frame) -> Scene:
        """Return what is known of the faces in a frame."""
        gallery = self._gallery()
        clock = _Clock(self.stage_s)
        picture = self._without_bars(frame)
        clock.lap("shots")
        self.detected = ((), Detections.empty())
        if self._is_due(frame):
            half_px = self._half_px(picture)
            left, top = self._bars.box[:2]
            found = self._pipeline.detector.detect(picture.bgr, long_side_px=half_px)
            faces = found.moved(left, top)
            clock.lap("detect")
            seen = self._follow(faces, frame, half=half_px is not None)
            clock.lap("track")
            if half_px is None:
                self._embed(seen, faces, frame)
            clock.lap("embed")
        self._frames += 1
        self._search(gallery)
        clock.lap("search")
        shown = [s for s in self._states.values() if self._is_shown(s, frame.pts_s)]
        policy = self.thresholds.prepare(gallery)
        decisions = decide([s.claim() for s in shown], policy)
        for state in shown:
            said = decisions[state.track.number].id
            self._flips += state.said is not None and said is not None and said != state.said
            state.said = said
            state.sure = said is not None and is_sure(state, policy)
        clock.lap("decide")
        return self._scene(frame, gallery, shown, decisions)

    def _without_bars(self, frame: Frame) -> Frame:
        """Return the picture between the black bars, a view; end the shot where it is another one.

        Faces are then larger in the detector's input, and cuts are not watered down by what never
        changes. Boxes, landmarks and scenes keep the frame's own coordinates.
        """
        picture = self._bars.crop(frame)
        if self._options.cuts and self._shots.is_cut(picture.bgr):
            self.end_shot()
        size = (frame.bgr.shape[1], frame.bgr.shape[0])
        self._taken += 1
        if self._bars.size != size or self._taken % BARS_EVERY == 0:
            box, self._bars = self._bars.box, self._bars.after(frame.bgr)
            if box != self._bars.box:
                picture = self._bars.crop(frame)
                self._shots.reframe(picture.bgr)
        return picture

    def end_shot(self) -> None:
        """End all tracks, as at a cut or at the end of the video."""
        for number in list(self._states):
            self._end(number)
        self._tracker.reset()
        self._pace.cut()
        self._shot += 1
        self._frames = 0

    def _is_due(self, frame: Frame) -> bool:
        """Return whether to detect in a frame: always when somebody waits for an answer."""
        if self._hurried:
            return True
        in_turn = self._frames % self._options.detect_every == 0 or not self._states
        return in_turn and self._pace.due(frame.pts_s, self.budget.gap_s)

    def _half_px(self, picture: Frame) -> int | None:
        """Return the long side to detect at when half is enough, None for the whole size.

        Landmarks found in a half are not fine enough to align by, so no face may want embedding.
        """
        longest_px = max(picture.bgr.shape[:2])
        whole_px = min(longest_px, self._pipeline.detector.long_side_px or longest_px)
        pts_s, tracks = picture.pts_s, self._tracker.tracks
        if self._hurried or any(urgency(s, 0.0, pts_s) > 0 for s in self._states.values()):
            return None
        enough = self._pace.half_is_enough(pts_s, tracks, whole_px / longest_px)
        return whole_px // 2 if enough else None

    def hurry(self) -> None:
        """Embed all faces of the next frame, whatever the budget: somebody has pressed the key."""
        self._hurried = True

    def reserve_tracks(self, count: int) -> int:
        """Return the first of so many numbers that no track of this recogniser will have."""
        return self._tracker.reserve(count)

    def take_flips(self) -> int:
        """Return how many tracks changed their name since the last call."""
        flips, self._flips = self._flips, 0
        return flips

    def refuse(self, track: int, person_id: str) -> bool:
        """Take a name from a track, and from tracks like it, until the recogniser ends.

        The track's template is kept in memory, and nowhere else. False when the track is over or
        does not carry this name.
        """
        state = self._states.get(track)
        if state is None or state.said != person_id or not state.template.vectors:
            return False
        self._refused = (*self._refused[-63:], (state.template.overall(), person_id))
        state.fresh = True
        return True

    def _follow(
        self, faces: Detections, frame: Frame, *, half: bool
    ) -> list[tuple[TrackState, int]]:
        seen = []
        for track, index in self._tracker.update(faces, frame.pts_s):
            state = self._states.get(track.number) or self._begin(track)
            state.side_px = max(state.side_px, float(faces.sides_px[index]))
            seen.append((state, index))
        self._pace.looked(frame.pts_s, self._tracker.tracks, half=half)
        if not half:
            numbers = tuple(state.track.number for state, _ in seen)
            self.detected = (numbers, faces[[index for _, index in seen]])
        alive = {track.number for track in self._tracker.tracks}
        for number in [n for n in self._states if n not in alive]:
            self._end(number)
        return seen

    def _embed(self, seen: list[tuple[TrackState, int]], faces: Detections, frame: Frame) -> None:
        """Embed the faces that are worth it, within the frame's budget."""
        hurried, self._hurried = self._hurried, False
        if not seen:
            return
        rough = rough_quality_of(faces, frame)
        wanted = [
            (urgency(state, float(rough[index]), frame.pts_s), state, index)
            for state, index in seen
        ]
        wanted = sorted((w for w in wanted if w[0] > 0 or hurried), key=lambda w: -w[0])
        chosen = wanted[: HURRIED_FACES if hurried else self._faces_per_frame()]
        if not chosen:
            return
        picked = faces[[index for _, _, index in chosen]]
        chips = align(frame.bgr, picked.landmarks_px)
        quality = measure_quality(picked, chips)
        embedded = self._pipeline.embedder.embed(chips)
        for i, (_, state, index) in enumerate(chosen):
            overall = float(quality.overall[i])
            if state.template.contradicts(embedded.vectors[i], overall):
                state = self._split(state)  # noqa: PLW2901
            state.template.add(embedded.vectors[i], float(embedded.norms[i]), overall, frame.pts_s)
            state.yaw = min(state.yaw, float(quality.yaw[i]))
            state.sharpness = max(state.sharpness, float(quality.sharpness[i]))
            state.rough_quality = max(state.rough_quality, float(rough[index]))
            state.embedded_s = frame.pts_s
            state.fresh = True
            if self._options.rejoin and state.goes_on is None:
                self._rejoin(state, frame.pts_s)

    def _faces_per_frame(self) -> int:
        most, least = self._options.embeddings_per_frame, self.budget.embeddings
        return most if least is None else min(most, least)

    def _rejoin(self, state: TrackState, pts_s: float) -> None:
        """Let a new track have the evidence of one that has ended, when it is surely the same."""
        if len(state.template.vectors) > REJOIN_WITHIN_FACES:
            return
        taken = {s.goes_on for s in self._states.values() if s.goes_on is not None}
        lost = [
            Left(number, other.template.own(), other.track.last_s)
            for number, other in self._states.items()
            if other.track.last_s < pts_s and other.template.vectors
        ]
        left = self._memory.recall(state.template, state.track.first_s, lost, taken)
        if left is None:
            return
        state.goes_on = left.track
        state.template.borrow(left.template)
        if left.track in self._states:
            self._tracker.drop(left.track)
            self._end(left.track)

    def _begin(self, track: Track) -> TrackState:
        state = TrackState(track, TrackTemplate(self._scores))
        self._states[track.number] = state
        return state

    def _end(self, number: int) -> None:
        state = self._states.pop(number)
        self._memory.keep(number, state.template, state.track.last_s)
        self.on_track_end(state)

    def _split(self, state: TrackState) -> TrackState:
        """End a track that has jumped to another face, and begin a new one in its place."""
        self._end(state.track.number)
        renewed = self._begin(self._tracker.renumber(state.track))
        renewed.side_px = state.side_px
        return renewed

    def _search(self, gallery: Gallery) -> None:
        """Compare the tracks whose template or gallery has changed."""
        stale = [
            s
            for s in self._states.values()
            if s.template.vectors and (s.fresh or s.searched != gallery.identity)
        ]
        if not stale:
            return
        probes = np.stack([s.template.mean(s.track.last_s) for s in stale])
        try:
            found = search(gallery, probes)
        except GalleryError as error:  # a disk that rots under an open release
            if str(error) != self._told:
                self._told = str(error)
                log.warning("nobody is compared: %s", error)
            for state in stale:
                if state.searched != gallery.identity:
                    state.candidates = ()  # whom an older release knew may have been removed
            return
        for state, probe, candidates in zip(stale, probes, found, strict=True):
            refused = self._refused_for(probe)
            state.candidates = tuple(c for c in candidates if c.id not in refused)
            state.impostor_mean = state.template.impostor_mean(state.track.last_s)
            state.searched = gallery.identity
            state.fresh = False

    def _refused_for(self, probe: NDArray[np.float32]) -> set[str]:
        alike = self._scores.same.refused
        return {person for vector, person in self._refused if float(vector @ probe) > alike}

    def _is_shown(self, state: TrackState, pts_s: float) -> bool:
        return state.track.hits >= self._options.min_hits and pts_s - state.track.last_s <= COAST_S

    def _scene(
        self,
        frame: Frame,
        gallery: Gallery,
        shown: Iterable[TrackState],
        decisions: dict[int, Decision],
    ) -> Scene:
        height, width = frame.bgr.shape[:2]
        faces = tuple(
            face_of(s.track, s.track.at(frame.pts_s), decisions[s.track.number]) for s in shown
        )
        return Scene(
            frame.pts_s,
            frame.index,
            width,
            height,
            self._shot,
            faces,
            gallery.release,
            gallery.identity,
        )


def face_of(track: Track, xyxy_px: NDArray[np.float32], decision: Decision) -> Face:
    """Return a track in a frame as it is published."""
    left, top, right, bottom = (round(float(v), 1) for v in xyxy_px)
    return Face(
        track=track.number,
        box=(left, top, right, bottom),
        id=decision.id,
        score=round(decision.score, 4),
        why=decision.why,
        candidates=decision.candidates,
        detection=round(track.score, 3),
        probability=round(decision.probability, 4),
    )


def search(
    gallery: Gallery, probes: NDArray[np.float32], only: Collection[str] | None = None
) -> list[tuple[Candidate, ...]]:
    """Return the best candidates of each probe, float32 (n, dimension), best first."""
    matches = gallery.search(probes, k=CANDIDATES, only=only)
    return [
        tuple(
            Candidate(p, round(float(s), 4))
            for p, s in zip(ids, scores, strict=False)
            if math.isfinite(s)
        )
        for ids, scores in zip(matches.ids, matches.scores, strict=True)
    ]


class _Clock:
    """Notes the time of each stage of a frame."""

    def __init__(self, stage_s: dict[str, list[float]]) -> None:
        self._stage_s = stage_s
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._stage_s.setdefault(stage, []).append(now - self._last)
        self._last = now
