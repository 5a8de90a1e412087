"""A frame's way: cut, detect, track, embed, search, decide; out comes one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.config import DEFAULT_FPIR
from edge.recognise.commands import Commands, FaceCopy, FaceRequest, WhyNot, copy_face
from edge.recognise.cues.cue import CueBoard
from edge.recognise.decide import decide
from edge.recognise.detection_schedule import STATIC_S, DetectionSchedule
from edge.recognise.evidence import (
    CueGate,
    TrackState,
    embedding_priority,
    give_body,
    rough_quality_of,
)
from edge.recognise.load_shedding import Budget
from edge.recognise.reidentify import Left, Reidentification
from edge.recognise.search import TrackSearch
from edge.recognise.shots import SMALL_PX, SmallLook
from edge.recognise.step import Step, Stopwatch, Tracked, away_face, face_of, open_clothes, scene_of
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import MIN_HITS, Tracker
from engines.embedder import embed_looks
from engines.quality import measure_quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edge.recognise.cues.cue import CueSource
    from edge.recognise.cues.lips import LipWatch
    from edge.recognise.decide import Decision
    from edge.recognise.scene import Face
    from edge.recognise.track import Track
    from edge.video.frame import Frame
    from engines.detections import Detections
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery

FULL_BUDGET_FACES = 6
REIDENTIFY_WITHIN_FACES = 3
"""After this many faces of its own a track needs nobody else's."""
COAST_S = 0.2
"""A face that the detector misses is shown this much longer where it was heading, but not where the
picture dissolves into another."""


@dataclass(frozen=True, slots=True)
class RecogniserOptions:
    """The budget of the recogniser, and the rate of false names that it promises.

    Attributes:
        fpir: promised share of strangers who get a name.
        embeddings_per_frame: faces embedded in one frame at most.
        detect_every: detection runs on every n-th frame; tracks move on between.
        static_s: seconds between two detection passes in a static scene; 0 takes each frame.
        least_s: seconds between two detection passes, also where something moves.
        cast: ids of the title's cast, favoured in decisions.
        min_hits: detections after which a track is shown.
        reidentify: a face that comes back is given the evidence of the track that it had.
        body: let clothes say who is likely seen again, and follow those who turn away.
        confirm: a new name is shown when a second look at the face gives it, too; for who decides
            of each moment and cannot take a name back.
    """

    fpir: float = DEFAULT_FPIR
    embeddings_per_frame: int = 2
    detect_every: int = 1
    static_s: float = STATIC_S
    least_s: float = 0.0
    cast: frozenset[str] = frozenset()
    min_hits: int = MIN_HITS
    reidentify: bool = True
    body: bool = False
    confirm: bool = True


class Recogniser:
    """Names the faces of one video, frame by frame; one thread uses it.

    Args:
        pipeline: the loaded models.
        gallery: returns the gallery to use; asked once per frame, so that a new one may come in
            between two frames.
        options: budgets and promises.
        thresholds: of each release; prepared beforehand they cost no frame its time.
        commands: what other threads ask; taken at each frame.
        cues: what is known beside the faces; asked at each frame.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Callable[[], Gallery],
        options: RecogniserOptions | None = None,
        thresholds: Thresholds | None = None,
        commands: Commands | None = None,
        cues: CueSource | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._gallery = gallery
        self._options = options or RecogniserOptions()
        self._look = SmallLook()
        self._tracker = Tracker()
        self._schedule = DetectionSchedule(self._options.static_s)
        self._states: dict[int, TrackState] = {}
        self._thresholds = thresholds or Thresholds(self._options.fpir, self._options.cast)
        self._commands = commands or Commands()
        self._gate = CueGate(cues or CueBoard())
        self._body, self._flow = open_clothes(on=self._options.body)
        self._scores = pipeline.scores
        self._search = TrackSearch(self._scores.same.refused)
        self._reidentification = Reidentification(self._scores.same)
        self._shot = 0
        self._frames = 0
        self._full_budget = False
        self._budget = Budget()
        self._ended: list[TrackState] = []

    @property
    def lips(self) -> LipWatch:
        """Whose lips move, while voices are heard."""
        return self._gate.lips

    def process(self, frame: Frame, budget: Budget | None = None) -> Step:
        """Return what is known of the faces in a frame.

        Args:
            frame: the next one.
            budget: what it may cost; lowered when the device is too slow.
        """
        gallery = self._gallery()
        self._budget = budget or Budget()
        wanted_faces = self._take_commands()
        watch = Stopwatch()
        self._look_at(frame)
        watch.lap("shots")
        tracked = Tracked()
        if self._is_due(frame):
            tracked = self._detect(frame, watch)
        self._gate.look(frame.pts_s, lambda: frame.bgr)
        self._frames += 1
        self._reidentification.forget(frame.pts_s)
        shown = [s for s in self._states.values() if self._is_shown(s, frame.pts_s)]
        self._gate.give(shown, frame.pts_s)
        if self._body is not None:
            give_body(shown, self._body.evidence(frame.pts_s, gallery.people_count))
        self._search.update(self._states.values(), gallery)
        watch.lap("search")
        decisions, flips = self._decide(shown, gallery)
        watch.lap("decide")
        self._commands.publish(self._states.values())
        for track, wanted in wanted_faces:
            if wanted.set_running_or_notify_cancel():
                wanted.set_result(self._copy_face(track, frame))
        faces = self._faces(frame, shown, decisions)
        scene = scene_of(frame, self._shot, faces, gallery, dissolves=self._look.dissolves)
        return Step(scene, tracked, self._take_ended(), watch.stage_s, flips, tuple(shown))

    def _copy_face(self, number: int, frame: Frame) -> FaceCopy | WhyNot:
        state = self._states.get(number)
        template = state.template if state else self._reidentification.template_of(number)
        track = state.track if state else None
        least_norm = self._scores.same.reidentify_norm
        return copy_face(number, template, track, frame, self._pipeline.model, least_norm)

    def _take_commands(self) -> tuple[FaceRequest, ...]:
        taken = self._commands.take()
        self._full_budget = taken.full_budget
        self._search.refuse(taken.refusals)
        if self._flow is not None:
            self._flow.refuse(r.state.track.number for r in taken.refusals if not r.undone)
        return taken.faces

    def _detect(self, frame: Frame, watch: Stopwatch) -> Tracked:
        """Find, follow and embed faces; boxes and landmarks are in the frame's own coordinates.

        The detector sees the part between black bars, in which faces are as large as possible.
        """
        low_px = self._low_resolution_px(frame)
        view, factor, (left, top) = self._look.view(frame, low_px or self._full_px(frame))
        watch.lap("convert")
        found = self._pipeline.detector.detect(view, long_side_px=0)
        faces = found.scaled(factor).moved(left, top)
        watch.lap("detect")
        seen = self._follow(faces, frame, low_resolution=low_px is not None)
        marks_px = {s.track.number: faces.landmarks_px[index] for s, index in seen}
        self._gate.found(marks_px, frame.pts_s)
        if self._body is not None and self._flow is not None:
            boxes = {state.track.number: faces.xyxy_px[index] for state, index in seen}
            self._body.look(frame.bgr, boxes, frame.pts_s)
            self._flow.look(frame, boxes)
        watch.lap("track")
        tracked = Tracked()
        if low_px is None:
            numbers = tuple(state.track.number for state, _ in seen)
            tracked = Tracked(numbers, faces[[index for _, index in seen]])
            self._embed(seen, faces, frame)
        watch.lap("embed")
        return tracked

    def _decide(
        self, shown: list[TrackState], gallery: Gallery
    ) -> tuple[Mapping[int, Decision], int]:
        """Return what is said of the tracks on screen, and how many changed their name."""
        policy = self._thresholds.prepare(gallery)
        decisions = decide([s.claim() for s in shown], policy)
        flips = 0
        for state in shown:
            if self._options.confirm:
                number = state.track.number
                decisions[number] = state.confirmed(decisions[number], policy)
            displayed = decisions[state.track.number].id
            flips += (
                state.displayed_id is not None
                and displayed is not None
                and displayed != state.displayed_id
            )
            state.displays(decisions[state.track.number], policy)
        return decisions, flips

    def _look_at(self, frame: Frame) -> None:
        """See a frame small; end the shot where it begins another one."""
        small = frame.scaled(SMALL_PX, sampled=True)
        if self._look.is_cut(frame, small):
            self._cut()

    def end_shot(self) -> tuple[TrackState, ...]:
        """End all tracks, as at the end of the video; return them."""
        self._cut()
        return self._take_ended()

    def _take_ended(self) -> tuple[TrackState, ...]:
        ended, self._ended = tuple(self._ended), []
        return ended

    def _cut(self) -> None:
        for number in list(self._states):
            self._end(number)
        self._tracker.reset()
        self._gate.cut()
        if self._flow is not None:
            self._flow.cut()
        self._schedule.cut()
        self._shot += 1
        self._frames = 0

    def _is_due(self, frame: Frame) -> bool:
        """Return whether to detect in a frame: always when somebody waits for an answer."""
        if self._full_budget:
            return True
        in_turn = self._frames % self._options.detect_every == 0 or not self._states
        gap_s = max(self._options.least_s, self._budget.gap_s)
        return in_turn and self._schedule.due(frame.pts_s, gap_s)

    def _full_px(self, frame: Frame) -> int:
        """Return the long side of a full-resolution pass."""
        longest_px = self._look.longest_px(frame)
        return min(longest_px, self._pipeline.detector.long_side_px or longest_px)

    def _low_resolution_px(self, frame: Frame) -> int | None:
        """Return the long side of a low-resolution pass where that is enough, else None.

        Its landmarks are too coarse to align by, so no face may be due to be embedded.
        """
        full_px = self._full_px(frame)
        pts_s, tracks, states = frame.pts_s, self._tracker.tracks, self._states.values()
        if self._full_budget or any(embedding_priority(s, 0.0, pts_s) > 0 for s in states):
            return None
        scale = full_px / self._look.longest_px(frame)
        enough = self._schedule.low_resolution_is_enough(pts_s, tracks, scale)
        return full_px // 2 if enough else None

    def _follow(
        self, faces: Detections, frame: Frame, *, low_resolution: bool
    ) -> list[tuple[TrackState, int]]:
        seen = []
        for track, index in self._tracker.update(faces, frame.pts_s):
            state = self._states.get(track.number) or self._begin(track)
            state.side_px = max(state.side_px, float(faces.sides_px[index]))
            seen.append((state, index))
        self._schedule.detected(frame.pts_s, self._tracker.tracks, low_resolution=low_resolution)
        alive = {track.number for track in self._tracker.tracks}
        for number in [n for n in self._states if n not in alive]:
            self._end(number)
        return seen

    def _embed(self, seen: list[tuple[TrackState, int]], faces: Detections, frame: Frame) -> None:
        """Embed the faces that are worth it, within the frame's budget."""
        full_budget = self._full_budget
        if not seen:
            return
        rough = rough_quality_of(faces, frame)
        wanted = [
            (embedding_priority(state, float(rough[index]), frame.pts_s), state, index)
            for state, index in seen
        ]
        wanted = sorted((w for w in wanted if w[0] > 0 or full_budget), key=lambda w: -w[0])
        chosen = wanted[: FULL_BUDGET_FACES if full_budget else self._faces_per_frame()]
        if not chosen:
            return
        near = faces[[index for *_, index in chosen]]
        picked, looks = self._pipeline.looks(frame.bgr, near)
        quality = measure_quality(picked, np.stack([chips[0] for chips in looks]))
        embedded = embed_looks(self._pipeline.embedder, looks)
        for i, (_, state, index) in enumerate(chosen):
            overall = float(quality.overall[i])
            if state.template.is_id_switch(embedded.vectors[i], overall):
                state = self._switch_id(state)  # noqa: PLW2901
            state.template.add(embedded.vectors[i], float(embedded.norms[i]), overall, frame.pts_s)
            state.yaw = min(state.yaw, float(quality.yaw[i]))
            state.sharpness = max(state.sharpness, float(quality.sharpness[i]))
            state.rough_quality = max(state.rough_quality, float(rough[index]))
            state.embedded_s = frame.pts_s
            state.fresh = True
            if self._options.reidentify and state.reidentified_as is None:
                self._reidentify(state, frame.pts_s)

    def _faces_per_frame(self) -> int:
        most, least = self._options.embeddings_per_frame, self._budget.embeddings
        return most if least is None else min(most, least)

    def _reidentify(self, state: TrackState, pts_s: float) -> None:
        """Let a new track have the evidence of one that has ended, when it is surely the same."""
        if len(state.template.vectors) > REIDENTIFY_WITHIN_FACES:
            return
        taken = {s.reidentified_as for s in self._states.values() if s.reidentified_as is not None}
        lost = [
            Left(number, other.template.own(), other.track.last_s)
            for number, other in self._states.items()
            if other.track.last_s < pts_s and other.template.vectors
        ]
        left = self._reidentification.find(state.template, state.track.first_s, lost, taken)
        if left is None:
            return
        state.reidentified_as = left.track
        state.template.merge(left.template)
        if left.track in self._states:
            self._tracker.drop(left.track)
            self._end(left.track)

    def _begin(self, track: Track) -> TrackState:
        state = TrackState(track, TrackTemplate(self._scores))
        self._states[track.number] = state
        return state

    def _end(self, number: int) -> None:
        state = self._states.pop(number)
        if self._body is not None:
            self._body.end(number, state.sure_id)
        self._reidentification.keep(number, state.template, state.track.last_s)
        self._ended.append(state)

    def _switch_id(self, state: TrackState) -> TrackState:
        """End a track that has jumped to another face, and begin a new one in its place."""
        self._end(state.track.number)
        renewed = self._begin(self._tracker.renumber(state.track))
        renewed.side_px = state.side_px
        return renewed

    def _is_shown(self, state: TrackState, pts_s: float) -> bool:
        """In a dissolve a face that is missed is gone, else it may be turned away for a moment."""
        track = state.track
        there = not self._look.dissolves or self._schedule.is_found(track.last_s)
        return track.hits >= self._options.min_hits and there and pts_s - track.last_s <= COAST_S

    def _faces(
        self,
        frame: Frame,
        shown: Iterable[TrackState],
        decisions: Mapping[int, Decision],
    ) -> tuple[Face, ...]:
        """Return the faces of a frame, and those that are turned away in it."""
        faces = tuple(
            face_of(
                s.track.number, s.track.at(frame.pts_s), s.track.score, decisions[s.track.number]
            )
            for s in shown
        )
        if self._flow is None:
            return faces
        sure = (s.track.number for s in shown if s.sure_id and s.sure_id == s.displayed_id)
        away = (away_face(one) for one in self._flow.follow(frame, faces, sure))
        return faces + tuple(face for face in away if face is not None)
