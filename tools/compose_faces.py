"""Compose a film of small and large faces from pictures of people, with the truth of all of them.

    python tools/compose_faces.py PEOPLE_DIR OUT_DIR --shots 30 --seed 0

PEOPLE_DIR has one folder of pictures for each person. In OUT_DIR: `film.mp4` (H.264), `truth.json`
(each face of each frame), `labels.json` (who is visible, for `bench pipeline` and `evaluate
--video`), and `people`, a folder to enrol: every other person, by pictures that the film does not
show where somebody has several. The others are strangers. `tools/faces_by_size.py` measures on it.

Faces are as large as one of `SIDES_PX` (the shorter side of the box), cut out softly and laid on
noise that moves in every third shot. A third of them stays, a third drifts, a third moves fast;
some enter late. Heads have no bodies, and poses do not change: this measures whether faces are
found, not how well people are told apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from calibration.openset.composed import SourceFace, read_sources
from calibration.pictures.faces import find_pictures
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SIDES_PX = (20, 30, 40, 60, 100)
SIZE = (1920, 1080)
FPS = 25
CELLS = (6, 4)
FACES = 10
"""Faces of a shot, in cells of their own."""
SPEEDS = ((0.0, 0.0), (10.0, 40.0), (60.0, 160.0))
"""Pixels a second from and to: of faces that stay, drift and move."""
LATE = 0.25
"""Share of faces that enter after the shot has begun."""
ENROLLED = 3
REACH = 1.15
"""How far a face is cut out, in units of its box."""


@dataclass(frozen=True)
class Actor:
    """One face of a shot: where it is in the shot's frames from `enters` on."""

    source: SourceFace
    side_px: int
    start: NDArray[np.float64]
    step: NDArray[np.float64]
    enters: int

    def middle(self, index: int) -> NDArray[np.float64]:
        """Return the middle of its box in a frame, float64 (2,)."""
        return self.start + self.step * index

    def box(self, index: int) -> list[float]:
        """Return its box in a frame."""
        size = self.source.xyxy_px[2:] - self.source.xyxy_px[:2]
        half = size * self.side_px / size.min() / 2
        x, y = self.middle(index)
        return [round(float(v), 1) for v in (x - half[0], y - half[1], x + half[0], y + half[1])]

    def draw(self, frame: NDArray[np.uint8], index: int) -> None:
        """Lay it on a frame, uint8 (height, width, 3), BGR."""
        left, top, right, bottom = self.source.xyxy_px.astype(float)
        scale = self.side_px / min(right - left, bottom - top)
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        reach = REACH * scale * max(right - left, bottom - top)
        x, y = self.middle(index)
        corner = np.floor([x - reach, y - reach]).astype(int)
        width = int(2 * reach) + 2
        matrix = np.array([[scale, 0, x - corner[0]], [0, scale, y - corner[1]]])
        matrix[:, 2] -= scale * centre
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        drawn: Any = cv2.warpAffine(
            shrunk(self.source.bgr, matrix),
            matrix,
            (width, width),
            flags=how,
            borderMode=cv2.BORDER_REPLICATE,
        )
        away = np.linalg.norm((np.indices((width, width))[::-1] - width / 2) / reach, axis=0)
        mask = np.clip((1 - away) / 0.25, 0, 1)[..., None]
        ends = np.minimum(corner + width, SIZE)
        begin = np.maximum(corner, 0)
        part = frame[begin[1] : ends[1], begin[0] : ends[0]]
        near, far = begin - corner, ends - corner
        cut = np.s_[near[1] : far[1], near[0] : far[0]]
        part[:] = (drawn[cut] * mask[cut] + part * (1 - mask[cut])).astype(np.uint8)


def shrunk(bgr: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a picture halved as often as a matrix would skip pixels of it; changes the matrix."""
    while matrix[0, 0] <= 0.5:
        bgr = np.asarray(cv2.pyrDown(bgr), np.uint8)
        matrix[:, :2] *= 2
    return bgr


def cast_shot(sources: Sequence[SourceFace], frames: int, rng: np.random.Generator) -> list[Actor]:
    """Return the faces of a shot: each size as often as the others, no person twice."""
    people = sorted({source.person for source in sources})
    here = rng.permutation(people)[:FACES]
    cells = rng.permutation(CELLS[0] * CELLS[1])
    sides = rng.permutation(np.resize(SIDES_PX, len(here)))
    cell = np.array([SIZE[0] / CELLS[0], SIZE[1] / CELLS[1]])
    actors = []
    for k, person in enumerate(here):
        own = [source for source in sources if source.person == person]
        at = (np.array([cells[k] % CELLS[0], cells[k] // CELLS[0]]) + 0.5) * cell
        speed, angle = rng.uniform(*SPEEDS[rng.integers(len(SPEEDS))]), rng.uniform(0, 2 * np.pi)
        step = speed * np.array([np.cos(angle), np.sin(angle)]) / FPS
        late = rng.random() < LATE
        enters = int(rng.integers(frames // 4, frames // 2)) if late else 0
        start = at - step * frames / 2
        actors.append(Actor(own[rng.integers(len(own))], int(sides[k]), start, step, enters))
    return actors


def frames_of(
    actors: Sequence[Actor], frames: int, pan: float, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a shot, uint8 (1080, 1920, 3), BGR."""
    coarse = rng.integers(40, 200, (9, 24, 3), np.uint8)
    wide = cv2.resize(coarse, (SIZE[0] * 3 // 2, SIZE[1]), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 6, (*wide.shape[:2], 1))
    backdrop = np.clip(wide + grain, 0, 255).astype(np.uint8)
    for index in range(frames):
        x = int(pan * index)
        frame = backdrop[:, x : x + SIZE[0]].copy()
        for actor in actors:
            if index >= actor.enters:
                actor.draw(frame, index)
        yield frame


def write(folder: Path, sources: Sequence[SourceFace], known: set[str], given: Any) -> None:
    """Write the film, its truth and its labels."""
    rng = np.random.default_rng(given.seed)
    truth, shots, number = [], [], 0
    with av.open(str(folder / "film.mp4"), "w") as target:
        stream: Any = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "21", "threads": "2", "g": "50"}
        for shot in range(given.shots):
            actors = cast_shot(sources, given.frames, rng)
            pan = 3.0 if shot % 3 == 2 else 0.0
            seen = sorted({a.source.person for a in actors} & known)
            shots.append({"first": number, "last": number + given.frames - 1, "visible": seen})
            for index, bgr in enumerate(frames_of(actors, given.frames, pan, rng)):
                truth += [
                    {
                        "frame": number,
                        "person": a.source.person,
                        "side_px": a.side_px,
                        "box": a.box(index),
                        "since": index - a.enters,
                        "late": a.enters > 0,
                    }
                    for a in actors
                    if index >= a.enters
                ]
                picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                target.mux(stream.encode(picture))
                number += 1
        target.mux(stream.encode(None))
    (folder / "truth.json").write_text(json.dumps({"width": SIZE[0], "faces": truth}))
    (folder / "labels.json").write_text(json.dumps({"shots": shots}))


def main() -> None:
    """Write it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shots", type=int, default=30)
    parser.add_argument("--frames", type=int, default=50, help="of a shot")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    pictures = find_pictures(given.people)
    known = set(sorted({picture.person for picture in pictures})[::2])
    sources = read_sources(load_pipeline(threads=2, precision="fp32").detector, pictures)
    paths = {picture.sha256: picture.path for picture in pictures}
    shown = []
    for person in sorted({source.person for source in sources}):
        own = [source for source in sources if source.person == person]
        count = min(ENROLLED, len(own) - 1) if person in known else 0
        shown += own[count:] or own
        if person in known:
            (given.out / "people" / person).mkdir(parents=True)
            for source in own[: max(count, 1)]:
                shutil.copy(paths[source.sha256], given.out / "people" / person)
    write(given.out, shown, known, given)


if __name__ == "__main__":
    main()
