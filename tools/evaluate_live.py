"""Count the false names of live decisions, per minute and per press, where nobody is enrolled.

Films are composed of people who are in no gallery (three at a time, four seconds each, pictures
that drift, turn, shrink, blur and darken, H.264), and played to the recogniser as `run` uses it, by
the film's own clock; a viewer presses twice a second. Gallery and strangers are of the half of the
population that taught no constant. Films of one's own are played against the same galleries, less
the people of `--without`, so that every name in them is false.

    python tools/evaluate_live.py lfw colour east_asian --keep population.npz --same same.csv \
        --strangers 300 --films clip.mp4 --without Jennifer_Aniston

`--keep` is the file of tools/evaluate_population.py. Prints one JSON object; intervals are of 95 %,
by person.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pairs import same_people
from population import embed

from calibration.openset.composed import SourceFace, read_sources, through_h264
from calibration.openset.evaluate import share_by_person
from calibration.openset.score_data import ENROLLED, SEED, half_of
from calibration.pictures.faces import find_pictures
from edge.config import RecogniseConfig
from edge.hindsight.late_names import LateNames
from edge.hindsight.recent import RecentTracks
from edge.recognise.detection_schedule import LIVE_PASS_S
from edge.recognise.press_history import PressHistory
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.thresholds import Thresholds
from edge.video.frame import Frame
from edge.video.open import open_source
from engines.pipeline import FacePipeline, load_pipeline, unit
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.recognise.scene import Scene
    from edge.recognise.step import Step
    from engines.detections import Detections
    from gallery.search.search import Gallery

SIZE = (640, 360)
AT_ONCE = 3
FPS, SHOT_S = 25, 4.0
SIDES_PX = (32.0, 130.0)
CRF = (24, 36)
PRESS_EVERY_S = 0.5


class Once:
    """A detector or an embedder that works once for what several recognisers ask."""

    def __init__(self, part: Any) -> None:
        self._part, self._known = part, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def _once(self, work: str, pixels: NDArray[np.uint8], **options: Any) -> Any:
        key = hashlib.blake2b(pixels.tobytes()).digest()
        if key not in self._known:
            if len(self._known) > 64:
                self._known.clear()
            self._known[key] = getattr(self._part, work)(pixels, **options)
        return self._known[key]

    def detect(self, bgr: NDArray[np.uint8], **options: Any) -> Detections:
        """Detect, or return what was found in these pixels."""
        found: Detections = self._once("detect", bgr, **options)
        return found

    def embed(self, chips: NDArray[np.uint8]) -> Any:
        """Embed, or return what these chips gave."""
        return self._once("embed", chips)


class Actor:
    """A stranger in a cell of the picture, for the time of a shot."""

    def __init__(self, looks: list[SourceFace], rng: np.random.Generator) -> None:
        self.person = looks[0].person
        self._looks = looks
        self._side = float(np.exp(rng.uniform(*np.log(SIDES_PX))))
        self._turn, self._turning = rng.uniform(-12, 12), rng.uniform(-4, 4)
        self._growing, self._drift = rng.uniform(-0.05, 0.05), rng.uniform(-8, 8, 2)
        self._blur = int(rng.integers(2, 5)) if rng.random() < 0.3 else 0

    def draw(self, at_s: float, cell: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the cell's picture, uint8 (height, width, 3) BGR."""
        look = self._looks[int(at_s / SHOT_S * len(self._looks))]
        left, top, right, bottom = look.xyxy_px.astype(float)
        scale = self._side * (1 + self._growing * at_s) / min(right - left, bottom - top)
        matrix = cv2.getRotationMatrix2D(
            ((left + right) / 2, (top + bottom) / 2), self._turn + self._turning * at_s, scale
        )
        middle = np.array(cell) / 2 + self._drift * at_s
        matrix[:, 2] += middle - np.array([(left + right) / 2, (top + bottom) / 2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        drawn: Any = cv2.warpAffine(
            look.bgr, matrix, cell, flags=way, borderMode=cv2.BORDER_REPLICATE
        )
        return cv2.blur(drawn, (self._blur, 1)) if self._blur else drawn


def shots_of(
    sources: list[SourceFace], rng: np.random.Generator
) -> Iterator[tuple[list[str], list[NDArray[np.uint8]]]]:
    """Yield who is in each shot, from left to right, and its pictures as a decoder gives them."""
    looks: dict[str, list[SourceFace]] = defaultdict(list)
    for source in sources:
        looks[source.person].append(source)
    people = rng.permutation(sorted(looks)).tolist()
    cell = SIZE[0] // AT_ONCE, SIZE[1]
    for first in range(0, len(people) - AT_ONCE + 1, AT_ONCE):
        actors = [Actor(looks[person], rng) for person in people[first : first + AT_ONCE]]
        light = rng.uniform(0.35, 0.7) if rng.random() < 0.25 else 1.0
        grain = rng.normal(0, 3, (8, SIZE[1], SIZE[0], 1)).astype(np.int16)
        frames = []
        for index in range(round(SHOT_S * FPS)):
            picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            for k, actor in enumerate(actors):
                picture[:, k * cell[0] : (k + 1) * cell[0]] = actor.draw(index / FPS, cell)
            lit = np.asarray(cv2.convertScaleAbs(picture, alpha=light), np.int16)
            frames.append(np.clip(lit + grain[index % len(grain)], 0, 255).astype(np.uint8))
        yield [actor.person for actor in actors], through_h264(frames, int(rng.integers(*CRF)))


@dataclass
class Tally:
    """What viewers saw.

    Attributes:
        named: strangers who got a name, of all who were on screen.
        asked: for each press and stranger on screen, whether it had a name in the answer.
        found: the same, whether its face was found.
        pressed: for each press, by shot, whether anybody had a name in the answer.
        pressed_at_once: the same without the names that come late.
        late: strangers who got a name, at once or late.
        named_s, seconds: time with a name on a face, and in all.
    """

    named: dict[str, bool] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)
    found: list[tuple[str, bool]] = field(default_factory=list)
    pressed: list[tuple[str, bool]] = field(default_factory=list)
    pressed_at_once: list[tuple[str, bool]] = field(default_factory=list)
    late: dict[str, bool] = field(default_factory=dict)
    named_s: float = 0.0
    seconds: float = 0.0

    def row(self) -> dict[str, object]:
        """Return rates with their intervals."""
        once = share_by_person(list(self.named), list(self.named.values()))
        minutes = 60 / SHOT_S
        return {
            "strangers": len(self.named),
            "strangers_named": once,
            "strangers_named_at_once_or_late": share_by_person(
                list(self.named), [self.late.get(p, False) for p in self.named]
            ),
            "false_names_a_face_minute": once and tuple(round(x * minutes, 3) for x in once),
            "presses": len(self.pressed),
            "presses_with_a_false_name": _share(self.pressed),
            "the_same_without_late_names": _share(self.pressed_at_once),
            "strangers_on_screen_at_presses": len(self.asked),
            "of_them_with_a_face_found": _share(self.found),
            "of_them_named": _share(self.asked),
            "seconds": round(self.seconds, 1),
            "seconds_with_a_false_name": round(self.named_s, 2),
        }


def _share(cases: list[tuple[str, bool]]) -> tuple[float, float, float] | None:
    return share_by_person([person for person, _ in cases], [case for _, case in cases])


class Viewer:
    """One recogniser with its gallery, and who presses."""

    def __init__(self, pipeline: FacePipeline, gallery: Gallery) -> None:
        defaults = RecogniseConfig()
        options = RecogniserOptions(
            fpir=defaults.fpir,
            embeddings_per_frame=defaults.embeddings_per_frame,
            detect_every=defaults.detect_every,
            least_s=LIVE_PASS_S,
        )
        self.now_s, self._next_s = 0.0, PRESS_EVERY_S
        thresholds = Thresholds(options.fpir)
        self._recogniser = Recogniser(pipeline, lambda: gallery, options, thresholds)
        self._gallery = gallery
        self._recent, self._late = RecentTracks(), LateNames(thresholds.prepare)
        self._history = PressHistory(gallery.person, lambda: self.now_s)
        self._at_once = PressHistory(gallery.person, lambda: self.now_s)
        self._shows: dict[int, str] = {}
        self.tally = Tally()
        self.onsets: set[tuple[int, str]] = set()
        self.late: set[tuple[int, str]] = set()

    def see(self, frame: Frame, shot: str, people: list[str], cell_px: float) -> None:
        """Take the next frame; `people` are in cells of this width, from left to right."""
        since_s, self.now_s = frame.pts_s - self.now_s, frame.pts_s
        step = self._recogniser.process(frame)
        scene = step.scene
        for history in (self._history, self._at_once):
            history.push(scene, frame.pts_s)
        for person in people:
            self.tally.named.setdefault(person, False)
        named = self._named(scene)
        for track, name, x in named:
            self.onsets.add((track, name))
            if people:
                self.tally.named[_at(people, x, cell_px)] = True
        if people:
            self._shows |= {f.track: _at(people, _middle(f.box), cell_px) for f in scene.faces}
        self._look_back(step)
        self.tally.named_s += since_s if named else 0.0
        self.tally.seconds += since_s
        if frame.pts_s >= self._next_s:
            self._next_s = frame.pts_s + PRESS_EVERY_S
            self._press(scene, shot, people, cell_px)

    def _look_back(self, step: Step) -> None:
        """Take the names that come late, as `run` does, but without its delay of a thread."""
        tracks = self._recent.take(step)
        names = self._late.decide(tracks, self._gallery) if tracks else {}
        if tracks:
            self._history.learn(names)
        told = {(n, d.id) for n, d in names.items() if d.id is not None} - self.onsets
        self.late |= told
        for track in {track for track, _ in told | self.onsets} & set(self._shows):
            self.tally.late[self._shows[track]] = True

    def _named(self, scene: Scene) -> list[tuple[int, str, float]]:
        return [(f.track, f.id, _middle(f.box)) for f in scene.faces if f.id is not None]

    def _press(self, scene: Scene, shot: str, people: list[str], cell_px: float) -> None:
        answer = self._history.press()
        self.tally.pressed.append((shot, bool(answer.people)))
        self.tally.pressed_at_once.append((shot, bool(self._at_once.press().people)))
        named = {_middle(p.box) // cell_px for p in answer.people if p.box is not None}
        found = {_middle(face.box) // cell_px for face in scene.faces}
        for k, person in enumerate(people):
            self.tally.asked.append((person, k in named))
            self.tally.found.append((person, k in found))


def _at(people: list[str], x: float, cell_px: float) -> str:
    return people[min(int(x / cell_px), len(people) - 1)]


def _middle(box: tuple[float, float, float, float]) -> float:
    return (box[0] + box[2]) / 2


@dataclass(frozen=True)
class Half:
    """The people who taught nothing.

    Attributes:
        names: who they are.
        faces: their embedded pictures.
        same: pairs of names that are one person.
        folder: for galleries.
    """

    names: list[str]
    faces: dict[str, np.ndarray]
    same: set[frozenset[str]]
    folder: Path

    def alike(self, people: set[str]) -> set[str]:
        """Return all names of these people."""
        return people | {name for pair in self.same if pair & people for name in pair}

    def draw(self, among: list[str], size: int, rng: np.random.Generator, model: str) -> Gallery:
        """Return a gallery of this many of them."""
        names = sorted(rng.permutation(among)[:size].tolist())
        rows = [np.flatnonzero(self.faces["person"] == name) for name in names]
        kept = [r[: max(1, min(ENROLLED, len(r) - 1))] for r in rows]
        templates = np.stack([unit(self.faces["vec"][r].sum(axis=0)) for r in kept])
        people = [Person(name, {"en": name.replace("_", " ")}) for name in names]
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "gallery"
        create_gallery(path, people, templates, np.arange(len(names), dtype=np.int32), model)
        return open_gallery(path)


def composed(given: argparse.Namespace, pipeline: FacePipeline, half: Half) -> dict[str, object]:
    """Return the rates on composed films, by size of the gallery."""
    rng = np.random.default_rng(SEED)
    strangers = set(rng.permutation(half.names)[: given.strangers].tolist())
    left_out = half.alike(strangers)
    rest = [name for name in half.names if name not in left_out]
    viewers = {
        size: Viewer(pipeline, half.draw(rest, size, rng, pipeline.model))
        for size in given.people
        if size <= len(rest)
    }
    kept: dict[str, list] = defaultdict(list)
    for picture in (p for root in given.roots for p in find_pictures(root)):
        if picture.person in strangers:
            kept[picture.person].append(picture)
    sources = read_sources(pipeline.detector, [p for of in kept.values() for p in of[:3]])
    index = 0
    for shot, (people, frames) in enumerate(shots_of(sources, rng)):
        for bgr in frames:
            frame = Frame(bgr, index / FPS, index, 0)
            for viewer in viewers.values():
                viewer.see(frame, str(shot), people, SIZE[0] / AT_ONCE)
            index += 1
    return {f"{size} people": viewer.tally.row() for size, viewer in viewers.items()}


def film_rows(given: argparse.Namespace, pipeline: FacePipeline, half: Half) -> dict[str, object]:
    """Return what was named in films whose people are in no gallery."""
    rng = np.random.default_rng(SEED + 1)
    among = [name for name in half.names if name not in given.without]
    rows: dict[str, object] = {}
    for film in given.films:
        for size in given.people:
            viewers = [
                Viewer(pipeline, half.draw(among, min(size, len(among)), rng, pipeline.model))
                for _ in range(given.draws)
            ]
            with open_source(film) as source:
                for frame in source:
                    for viewer in viewers:
                        viewer.see(frame, "film", [], 1.0)
            tallies = [viewer.tally for viewer in viewers]
            presses = [wrong for t in tallies for _, wrong in t.pressed]
            at_once = [wrong for t in tallies for _, wrong in t.pressed_at_once]
            rows[f"{film}, {size} people, {given.draws} galleries"] = {
                "false_names": sum(len(v.onsets) for v in viewers),
                "names": dict(Counter(name for v in viewers for _, name in v.onsets)),
                "false_names_late": sum(len(v.late) for v in viewers),
                "names_late": dict(Counter(name for v in viewers for _, name in v.late)),
                "minutes": round(sum(t.seconds for t in tallies) / 60, 2),
                "seconds_with_a_false_name": round(sum(t.named_s for t in tallies), 2),
                "presses": len(presses),
                "presses_with_a_false_name": sum(presses),
                "the_same_without_late_names": sum(at_once),
            }
    return rows


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roots", type=Path, nargs="+", help="folders with a folder per person")
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--same", type=Path, help="pairs of names that are one person")
    parser.add_argument("--strangers", type=int, default=240)
    parser.add_argument("--people", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--films", nargs="*", default=[])
    parser.add_argument("--without", nargs="*", default=[], help="people of the films")
    parser.add_argument("--draws", type=int, default=4, help="galleries for each film")
    given = parser.parse_args()
    faces = embed(given.roots, given.keep, quick=True)
    same = same_people(given.same)
    loaded = load_pipeline(threads=1, precision="fp32", long_side_px=RecogniseConfig().long_side_px)
    detector: Any = Once(loaded.detector)
    embedder: Any = Once(loaded.embedder)
    pipeline = FacePipeline(detector, embedder, loaded.model)
    names = sorted({str(p) for p in faces["person"] if half_of(str(p)) == 1})
    with tempfile.TemporaryDirectory(prefix="tvradar-live-") as folder:
        half = Half(names, faces, same, Path(folder))
        found = {"films": film_rows(given, pipeline, half)}
        if given.strangers:
            found["composed"] = composed(given, pipeline, half)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
