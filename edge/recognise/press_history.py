"""The press history: the last seconds of scenes, and who was in them at the moment of a press."""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from edge.recognise.answer import Answer, AnswerAmbiguous, AnswerPerson, AnswerUnnamed
from edge.recognise.cues.screen_texts import ScreenTexts
from edge.recognise.decide import with_decision
from edge.video.age import FRESH_S, captured_s, now_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.recognise.decide import Decision
    from edge.recognise.scene import Face, Scene
    from edge.video.frame import Frame
    from gallery.store.person import Person

KEPT_S = 10.0
LOOK_BACK_S = 2.0
"""A viewer needs about this long to reach the key: who left within it is still meant."""
SETTLE_S = 0.12
"""A face is shown from its second detection on: the refined answer takes in those that came so soon
after the press, and in the same shot, for they were on screen already."""
ROUNDING_S = 1e-4
"""Answers and clients round times: a press at the rounded time of a frame means that frame."""


class PressHistory:
    """Keeps the newest scenes and answers presses; any thread may call any method.

    Args:
        person: returns who an id is, or None when the gallery has lost them since.
        clock: seconds that go on whatever the source does.

    Attributes:
        texts: what captions said.
    """

    def __init__(
        self, person: Callable[[str], Person | None], clock: Callable[[], float] = now_s
    ) -> None:
        self._person = person
        self._clock = clock
        self._scenes: deque[Scene] = deque()
        self._newest_s: float | None = None
        self._late: Mapping[int, Decision] = {}
        self._lock = threading.Lock()
        self._presses = 0
        self.texts = ScreenTexts()

    def push(self, scene: Scene, at_s: float | None = None) -> None:
        """Take the newest scene; a clock that goes back empties the memory.

        Args:
            scene: the newest.
            at_s: when its picture was captured, by `clock`; now, when not given.
        """
        with self._lock:
            self._newest_s = self._clock() if at_s is None else at_s
            if self._scenes and scene.pts_s < self._scenes[-1].pts_s:
                self._scenes.clear()
            self._scenes.append(scene)
            while scene.pts_s - self._scenes[0].pts_s > KEPT_S:
                self._scenes.popleft()

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take the newest scene, as a `SceneSink`."""
        self.push(scene, captured_s(frame.captured_ns))

    def learn(self, names: Mapping[int, Decision]) -> None:
        """Take the names that tracks, by number, were given late; see `edge.hindsight`.

        They count for who has just gone and for shots that are over, not for who is there now.
        """
        self._late = dict(names)

    def latest(self) -> Scene | None:
        """Return the newest scene, however old it is."""
        with self._lock:
            return self._scenes[-1] if self._scenes else None

    def age_s(self) -> float:
        """Return how long ago the newest picture was captured; infinite before the first."""
        newest_s = self._newest_s
        return math.inf if newest_s is None else max(0.0, self._clock() - newest_s)

    def on_screen(self) -> int:
        """Return how many people with a name are on the screen now."""
        scenes, age_s = self._kept()
        return sum(f.id is not None for f in scenes[-1].faces) if scenes and age_s <= FRESH_S else 0

    def moment_s(self, back_s: float) -> float | None:
        """Return the programme's time that many seconds ago, None where no picture is known."""
        scenes, age_s = self._kept()
        return _moment_s(scenes, age_s) - back_s if scenes else None

    def remembered_s(self) -> tuple[float, float] | None:
        """Return the first and the last moment that can be asked about, None where none can."""
        scenes, age_s = self._kept()
        return (scenes[0].pts_s, _moment_s(scenes, age_s)) if scenes else None

    def press(self, at_s: float | None = None) -> Answer:
        """Return the best known answer for a moment; now, when none is given.

        A moment before what is kept is answered with the oldest scene that is.
        """
        with self._lock:
            self._presses += 1
            number = self._presses
        return self._answer(number, at_s, refined=False)

    def refine(self, first: Answer) -> Answer:
        """Return the answer to an earlier press again, with what was learned since."""
        return self._answer(first.press, first.pts_s, refined=True)

    def _answer(self, number: int, at_s: float | None, *, refined: bool) -> Answer:
        scenes, age_s = self._kept()
        picture_age_s = None if math.isinf(age_s) else round(age_s, 3)
        if not scenes:
            return Answer(number, at_s or 0.0, refined, (), picture_age_s=picture_age_s)
        now_s = _moment_s(scenes, age_s)
        at_s = now_s if at_s is None else min(at_s, now_s)
        until = max(bisect.bisect_right([s.pts_s for s in scenes], at_s + ROUNDING_S), 1)
        window = [s for s in scenes[:until] if at_s - s.pts_s <= LOOK_BACK_S]
        now = scenes[until - 1]
        texts = self.texts.at(at_s)
        if at_s - now.pts_s > FRESH_S:  # there was no picture at that moment
            texts = ()
            now = msgspec.structs.replace(now, faces=())
        else:
            window = window[:-1]
        learned = self._names_by_track(scenes) if refined else {}
        boxes = {face.track: face.box for face in now.faces}
        if refined:
            settled = self._settled(scenes[until:], now)
            boxes |= {track: box for track, box in settled.items() if track not in boxes}
        shown = {face.track: face for face in now.faces}
        faces = [learned.get(track) or shown[track] for track in boxes]
        if now.shot != scenes[-1].shot:
            faces = self._with_late(faces)
        people = self._present(faces, boxes)
        people += self._just_gone(window, {p.id for p in people}, at_s, learned)
        return Answer(
            number,
            round(at_s, 4),
            refined,
            tuple(people),
            tuple(
                AnswerAmbiguous(f.track, boxes[f.track], f.candidates)
                for f in faces
                if f.why == "ambiguous"
            ),
            tuple(
                AnswerUnnamed(f.track, boxes[f.track], f.why)
                for f in faces
                if f.why and f.why != "ambiguous"
            ),
            (now.width, now.height),
            picture_age_s,
            texts,
        )

    def _kept(self) -> tuple[list[Scene], float]:
        """Return what is remembered, and the age of the newest; what is too old is forgotten."""
        with self._lock:
            age_s = self.age_s()
            if age_s > KEPT_S:
                self._scenes.clear()
            return list(self._scenes), age_s

    def _names_by_track(self, scenes: list[Scene]) -> dict[int, Face]:
        """Return each track's newest face: what is known of it now."""
        return {face.track: face for scene in scenes for face in scene.faces}

    def _with_late(self, faces: list[Face]) -> list[Face]:
        """Return faces of one scene with the names that came late to those without one."""
        late, named = self._late, {face.id for face in faces}
        found = []
        for face in faces:
            decision = late.get(face.track)
            if face.id is None and decision is not None and decision.id not in named:
                named.add(decision.id)
                face = with_decision(face, decision)  # noqa: PLW2901
            found.append(face)
        return found

    def _settled(
        self, later: list[Scene], now: Scene
    ) -> dict[int, tuple[float, float, float, float]]:
        """Return the first box of the tracks that were shown just after a scene."""
        boxes: dict[int, tuple[float, float, float, float]] = {}
        for scene in later:
            if scene.shot != now.shot or scene.pts_s - now.pts_s > SETTLE_S:
                break
            for face in scene.faces:
                boxes.setdefault(face.track, face.box)
        return boxes

    def _present(
        self, faces: list[Face], boxes: dict[int, tuple[float, float, float, float]]
    ) -> list[AnswerPerson]:
        named = sorted((f for f in faces if f.id), key=lambda f: -_area(boxes[f.track]))
        found = [self._entry(f, boxes[f.track], 0.0) for f in named]
        return [entry for entry in found if entry is not None]

    def _just_gone(
        self, window: list[Scene], here: set[str], at_s: float, learned: dict[int, Face]
    ) -> list[AnswerPerson]:
        found = []
        for scene in reversed(window):
            for seen in scene.faces:
                [face] = self._with_late([learned.get(seen.track, seen)])
                if face.id is None or face.id in here:
                    continue
                here.add(face.id)
                found.append(self._entry(face, None, at_s - scene.pts_s))
        return [entry for entry in found if entry is not None]

    def _entry(
        self, face: Face, box: tuple[float, float, float, float] | None, seen_s: float
    ) -> AnswerPerson | None:
        assert face.id is not None
        person = self._person(face.id)
        if person is None:
            return None
        present = "now" if box is not None else "just_gone"
        return AnswerPerson(
            person.id,
            person.names,
            person.role,
            face.score,
            face.track,
            box,
            present,  # type: ignore[arg-type]
            round(seen_s, 3),
            face.probability,
            face.cues,
        )


def _moment_s(scenes: list[Scene], age_s: float) -> float:
    """Return the programme's time now: it goes on where no picture comes any more."""
    return scenes[-1].pts_s + (age_s if age_s > FRESH_S else 0.0)


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
