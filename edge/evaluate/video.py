"""What a viewer gets who presses at any frame of a labelled film.

The live path runs frame by frame, by the film's own clock: a slow machine loses nothing, so that
the figures are of the recognition alone. Each frame gets one press, answered from what was known
then, and its refined answer from what was known `REFINE_AFTER_S` later.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.evaluate.figures import Answers, Faces, FalseName, JustGone, Rates, VideoEvaluation
from edge.recognise.answer import REFINE_AFTER_S
from edge.recognise.press_history import LOOK_BACK_S, PressHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edge.evaluate.labels import Labels
    from edge.recognise.answer import Answer
    from edge.recognise.decide import Decision
    from edge.recognise.scene import Scene
    from gallery.store.person import Person

JUST_GONE_S = 1.0
"""For this long after a cut a press must still list who has just gone."""
BUCKETS: dict[str, tuple[tuple[str, float], ...]] = {
    "side_px": (("< 24", 24), ("24 to 48", 48), ("48 to 96", 96), ("96 and more", 1e9)),
    "yaw": (("< 0.2", 0.2), ("0.2 to 0.4", 0.4), ("0.4 to 0.65", 0.65), ("0.65 and more", 1e9)),
    "sharpness": (("< 0.006", 0.006), ("0.006 to 0.02", 0.02), ("0.02 and more", 1e9)),
}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a face looks like in the frame at hand, as in `engines.quality`."""

    side_px: float
    yaw: float
    sharpness: float


@dataclass(slots=True)
class _Tally:
    presses: int = 0
    exact: int = 0
    right: int = 0
    displayed: int = 0
    visible: int = 0
    false_names: int = 0
    faces: int = 0
    unnamed: int = 0

    def add(self, answer: Answer, visible: set[str], false_names: int) -> None:
        now = {p.id for p in answer.people if p.present == "now"}
        unnamed = len(answer.unnamed) + len(answer.ambiguous)
        self.presses += 1
        self.exact += now == visible and not false_names
        self.right += len(now & visible)
        self.displayed += len(now)
        self.visible += len(visible)
        self.false_names += false_names
        self.faces += len(now) + unnamed
        self.unnamed += unnamed

    def rates(self) -> Rates:
        return Rates(
            self.presses,
            _share(self.right, self.displayed),
            _share(self.right, self.visible),
            _share(self.exact, self.presses),
            self.false_names,
            _share(100 * self.false_names, self.presses),
            _share(self.unnamed, self.faces),
        )


@dataclass(slots=True)
class _Pair:
    first: _Tally = field(default_factory=_Tally)
    refined: _Tally = field(default_factory=_Tally)

    def answers(self) -> Answers:
        return Answers(self.first.rates(), self.refined.rates())


@dataclass(slots=True)
class _Steadiness:
    """Counts flips: what a viewer sees change on one face."""

    named: dict[int, str | None] = field(default_factory=dict)
    was: dict[int, str] = field(default_factory=dict)
    last_s: dict[int, float] = field(default_factory=dict)
    shown_s: float = 0.0
    flips: int = 0

    def take(self, scene: Scene) -> None:
        for face in scene.faces:
            self.shown_s += scene.pts_s - self.last_s.get(face.track, scene.pts_s)
            self.last_s[face.track] = scene.pts_s
            before = self.was.get(face.track)
            again = self.named.get(face.track) is None
            self.flips += (
                face.id is not None and before is not None and (again or face.id != before)
            )
            self.named[face.track] = face.id
            if face.id is not None:
                self.was[face.track] = face.id


class VideoEvaluator:
    """Presses at each frame and compares the answers with the labels.

    Args:
        labels: who is visible when.
        person: returns who an id is, as in `PressHistory`.
        known: ids of those who can be named; labelled people beyond them are strangers.
    """

    def __init__(
        self, labels: Labels, person: Callable[[str], Person | None], known: Iterable[str]
    ) -> None:
        self._labels = labels
        self._known = frozenset(known)
        self._history = PressHistory(person)
        self._waiting: deque[tuple[int, Answer]] = deque()
        self._seen_s: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._recent: dict[int, frozenset[str]] = {}
        self._shot: int | None = None
        self._usual, self._nobody = _Pair(), _Pair()
        self._apart: dict[str, _Pair] = defaultdict(_Pair)
        self._false_names = 0
        self._gone = [0, 0]
        self._steady = _Steadiness()
        self._faces: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._errors: list[FalseName] = []
        self._frames = 0

    def take(self, scene: Scene, observations: Mapping[int, Observation]) -> None:
        """Take a frame's scene, press, and compare.

        Args:
            scene: of the next frame in order.
            observations: of the faces that were detected in this very frame, by track.
        """
        self._history.push(scene)
        self._frames += 1
        self._steady.take(scene)
        visible = self._visible(scene.index)
        if visible is None:
            return
        self._note_cut(scene, visible)
        self._seen_s.update(dict.fromkeys(visible, scene.pts_s))
        known_s = {p: s for p, s in self._seen_s.items() if scene.pts_s - s <= LOOK_BACK_S}
        self._recent[scene.index] = frozenset(known_s)
        answer = self._history.press(scene.pts_s)
        self._judge(scene.index, answer)
        self._count_gone(answer, visible)
        self._count_faces(scene, visible, observations)
        self._waiting.append((scene.index, answer))
        while self._waiting and scene.pts_s - self._waiting[0][1].pts_s >= REFINE_AFTER_S:
            self._refine()

    def learn(self, names: Mapping[int, Decision]) -> None:
        """Take names that came late, by track; see `PressHistory.learn`."""
        self._history.learn(names)

    def result(self) -> VideoEvaluation:
        """Answer the last presses and return the figures."""
        while self._waiting:
            self._refine()
        minutes = self._steady.shown_s / 60
        return VideoEvaluation(
            self._frames,
            self._usual.first.rates(),
            self._usual.refined.rates(),
            {note: pair.answers() for note, pair in self._apart.items()},
            self._nobody.answers(),
            self._false_names,
            JustGone(*self._gone),
            self._steady.flips,
            round(minutes, 4),
            _share(self._steady.flips, minutes),
            {
                measure: {
                    name: Faces(*self._faces[measure, name])
                    for name, _ in ranges
                    if (measure, name) in self._faces
                }
                for measure, ranges in BUCKETS.items()
            },
            tuple(self._errors),
        )

    def _visible(self, frame: int) -> set[str] | None:
        shot = self._labels.shot_of(frame)
        return None if shot is None else set(self._labels.shots[shot].visible) & self._known

    def _refine(self) -> None:
        frame, first = self._waiting.popleft()
        self._judge(frame, self._history.refine(first))
        del self._recent[frame]

    def _judge(self, frame: int, answer: Answer) -> None:
        visible, recent = self._visible(frame) or set(), self._recent[frame]
        wrong = [p.id for p in answer.people if _is_false(p.present, p.id, visible, recent)]
        for person in wrong[: 50 - len(self._errors)]:
            self._errors.append(
                FalseName(frame, answer.pts_s, person, tuple(sorted(visible)), answer.refined)
            )
        self._false_names += len(wrong)
        pair = self._pair(frame, visible)
        (pair.refined if answer.refined else pair.first).add(answer, visible, len(wrong))

    def _pair(self, frame: int, visible: set[str]) -> _Pair:
        if not visible:
            return self._nobody
        shot = self._labels.shot_of(frame)
        note = "" if shot is None else self._labels.shots[shot].note
        return self._apart[note] if note else self._usual

    def _note_cut(self, scene: Scene, visible: set[str]) -> None:
        """At a labelled cut, note who was visible before it and is no longer."""
        shot = self._labels.shot_of(scene.index)
        if self._shot is not None and shot != self._shot:
            before = set(self._labels.shots[self._shot].visible) & self._known
            self._left = dict.fromkeys(before - visible, scene.pts_s)
        self._shot = shot

    def _count_gone(self, answer: Answer, visible: set[str]) -> None:
        gone = {p.id for p in answer.people if p.present == "just_gone"}
        for person, cut_s in self._left.items():
            if answer.pts_s - cut_s <= JUST_GONE_S and person not in visible:
                self._gone[0] += 1
                self._gone[1] += person in gone

    def _count_faces(
        self, scene: Scene, visible: set[str], observations: Mapping[int, Observation]
    ) -> None:
        for face in scene.faces:
            if face.track not in observations:
                continue
            outcome = 2 if face.id is None else int(face.id not in visible)
            for measure in BUCKETS:
                name = _range(measure, getattr(observations[face.track], measure))
                self._faces[measure, name][outcome] += 1


def _is_false(present: str, person: str, visible: set[str], recent: frozenset[str]) -> bool:
    return person not in (visible if present == "now" else recent)


def _range(measure: str, value: float) -> str:
    return next(name for name, below in BUCKETS[measure] if value < below)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
