"""Composed tracks: pictures of people moved, shrunk, blurred, darkened and sent through H.264.

No set of labelled films has the thousands of strangers that a rate of 0.3 % needs. A contact sheet
shows twelve faces at once, each drifting in a cell of its own; a sheet is one film of a few shots
with hard cuts, really encoded at a low bit rate and decoded. The figures made from it are
"composed": pose changes by going from one picture of the person to another, not by a turning head.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from calibration.pictures.faces import give_room
from engines.align import TURNED_YAW, cut_out
from engines.detections import Detections
from engines.embedder import embed_looks
from engines.errors import PictureError
from engines.pictures.read import read_picture
from engines.quality import measure_quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from calibration.pictures.faces import Picture
    from engines.detector import Detector
    from engines.pipeline import FacePipeline

CELL_PX = 144
COLUMNS, ROWS = 4, 3
SHOTS = 3
FRAMES = 18
STEP = 3
"""Every third frame of a shot is embedded: six faces of a track."""
FACES = FRAMES // STEP
FPS = 25
SIDES_PX = (26.0, 110.0)
CRF = (26, 40)
LANDMARK_NOISE = 0.02
"""Standard deviation of the landmarks' error, as a share of the face's size."""
LOOKS = 2
"""Pictures of the person that one track is made of."""


@dataclass(frozen=True)
class SourceFace:
    """A picture with one face: uint8 (h, w, 3) BGR, its box (4,) and landmarks (5, 2) in px."""

    person: str
    sha256: str
    bgr: NDArray[np.uint8]
    xyxy_px: NDArray[np.float32]
    landmarks_px: NDArray[np.float32]

    @property
    def faces(self) -> Detections:
        """The one face, surely found."""
        sure = np.ones(1, np.float32)
        return Detections(self.xyxy_px[None], sure, self.landmarks_px[None])


@dataclass(frozen=True)
class ComposedTracks:
    """The embedded faces of n tracks, f faces each.

    Attributes:
        people: str (n,).
        vectors: float32 (n, f, dimension), unit length.
        norms, overall, side_px: float32 (n, f): the embedding's norm, the quality and the size.
    """

    people: NDArray[np.str_]
    vectors: NDArray[np.float32]
    norms: NDArray[np.float32]
    overall: NDArray[np.float32]
    side_px: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.people)


def read_sources(
    detector: Detector,
    pictures: list[Picture],
    progress: Callable[[], None] = lambda: None,
) -> list[SourceFace]:
    """Return the largest face of each picture; pictures without one are left out."""
    found = []
    for picture in pictures:
        progress()
        try:
            bgr = give_room(read_picture(picture.path))
        except PictureError:
            continue
        faces = detector.detect_pyramid(bgr)
        if len(faces):
            k = int(np.argmax(faces.sides_px))
            found.append(
                SourceFace(
                    picture.person, picture.sha256, bgr, faces.xyxy_px[k], faces.landmarks_px[k]
                )
            )
    return found


def compose_tracks(
    sources: list[SourceFace],
    people: list[str],
    pipeline: FacePipeline,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> ComposedTracks:
    """Return one track for each entry of `people`, of pictures drawn from that person's sources."""
    rng = np.random.default_rng(seed)
    by_person: dict[str, list[SourceFace]] = {}
    for source in sources:
        by_person.setdefault(source.person, []).append(source)
    per_film = COLUMNS * ROWS * SHOTS
    parts: list[_Faces] = []
    for start in range(0, len(people), per_film):
        casting = people[start : start + per_film]
        parts.append(_film([by_person[p] for p in casting], pipeline, rng))
        progress()
    embedded = embed_looks(pipeline.embedder, [chips for p in parts for chips in p.looks])
    shape = (len(people), FACES)
    return ComposedTracks(
        np.array(people, np.str_),
        embedded.vectors.reshape(*shape, -1),
        embedded.norms.reshape(shape),
        np.concatenate([p.overall for p in parts]).reshape(shape),
        np.concatenate([p.side_px for p in parts]).reshape(shape),
    )


@dataclass(frozen=True)
class _Faces:
    looks: list[NDArray[np.uint8]]
    overall: NDArray[np.float32]
    side_px: NDArray[np.float32]


def _film(
    casting: list[list[SourceFace]], pipeline: FacePipeline, rng: np.random.Generator
) -> _Faces:
    """Draw, encode, decode and cut out the tracks of one film, in the order of `casting`."""
    per_shot = COLUMNS * ROWS
    frames: list[NDArray[np.uint8]] = []
    places: list[list[tuple[int, Detections]]] = []
    for start in range(0, len(casting), per_shot):
        cells = [_Cell(c, rng) for c in casting[start : start + per_shot]]
        light = rng.uniform(0.25, 0.6) if rng.random() < 0.25 else 1.0
        for index in range(FRAMES):
            sheet = np.full((ROWS * CELL_PX, COLUMNS * CELL_PX, 3), 90, np.uint8)
            for k, cell in enumerate(cells):
                y, x = CELL_PX * (k // COLUMNS), CELL_PX * (k % COLUMNS)
                face, found = cell.draw(index, rng)
                sheet[y : y + CELL_PX, x : x + CELL_PX] = face
                if index % STEP == 0:
                    places.append([(len(frames), _moved(found, x, y))])
            noise = rng.normal(0, 3, sheet.shape[:2])[..., None]
            frames.append(np.clip(sheet * light + noise, 0, 255).astype(np.uint8))
    seen = through_h264(frames, int(rng.integers(*CRF)))
    return _cut_out(pipeline, seen, [p[0] for p in places], len(casting))


def _cut_out(
    pipeline: FacePipeline,
    seen: list[NDArray[np.uint8]],
    places: list[tuple[int, Detections]],
    tracks: int,
) -> _Faces:
    """Return the faces ordered by track; `places` has them by shot, frame and cell."""
    per_shot = COLUMNS * ROWS
    order: list[int] = []
    first = 0
    for start in range(0, tracks, per_shot):
        count = min(per_shot, tracks - start)
        order += [first + f * count + k for k in range(count) for f in range(FACES)]
        first += count * FACES
    looks, overall, side = [], [], []
    for number in order:
        frame, found = places[number]
        second_px = pipeline.second_px(seen[frame], found, from_yaw=TURNED_YAW)
        (chips,) = cut_out(seen[frame], found, second_px)
        quality = measure_quality(found, chips[:1])
        looks.append(chips)
        overall.append(float(quality.overall[0]))
        side.append(float(found.sides_px[0]))
    return _Faces(looks, np.array(overall, np.float32), np.array(side, np.float32))


class _Cell:
    """One face that drifts, turns a little and grows or shrinks in its cell."""

    def __init__(self, sources: list[SourceFace], rng: np.random.Generator) -> None:
        looks = rng.choice(len(sources), min(LOOKS, len(sources)), replace=False)
        self._looks = [sources[i] for i in looks]
        self._side = float(np.exp(rng.uniform(*np.log(SIDES_PX))))
        self._turn = rng.uniform(-12, 12)
        self._turning, self._growing = rng.uniform(-0.8, 0.8), rng.uniform(-0.006, 0.006)
        self._drift = rng.uniform(-0.4, 0.4, 2)
        self._squeeze = rng.uniform(0.88, 1.0)
        self._blur = int(rng.integers(3, 10)) if rng.random() < 0.35 else 0

    def draw(self, index: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Detections]:
        """Return the cell's picture, uint8 (CELL_PX, CELL_PX, 3) BGR, and where its face is."""
        source = self._looks[min(index * len(self._looks) // FRAMES, len(self._looks) - 1)]
        left, top, right, bottom = source.xyxy_px.astype(float)
        scale = self._side * (1 + self._growing * index) / min(right - left, bottom - top)
        angle = np.deg2rad(self._turn + self._turning * index)
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = linear @ np.diag([self._squeeze, 1.0])
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        shift = CELL_PX / 2 + self._drift * index - linear @ centre
        matrix = np.column_stack([linear, shift])
        drawn: Any = cv2.warpAffine(
            source.bgr,
            matrix,
            (CELL_PX, CELL_PX),
            flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if self._blur:
            drawn = cv2.blur(drawn, (self._blur * max(int(self._side), 40) // 80 + 1, 1))
        marks = source.landmarks_px @ linear.T + shift
        marks += rng.normal(0, LANDMARK_NOISE * self._side, marks.shape)
        half = self._side * (1 + self._growing * index) / 2
        middle = linear @ centre + shift
        box = np.concatenate([middle - half, middle + half])
        score = np.array([0.9], np.float32)
        return drawn, Detections(box[None].astype(np.float32), score, marks[None].astype("f4"))


def _moved(found: Detections, x: int, y: int) -> Detections:
    by = np.array([x, y], np.float32)
    return Detections(found.xyxy_px + np.tile(by, 2), found.scores, found.landmarks_px + by)


def through_h264(frames: list[NDArray[np.uint8]], crf: int) -> list[NDArray[np.uint8]]:
    """Return frames, uint8 (h, w, 3) BGR, as a viewer's decoder gives them back."""
    file = io.BytesIO()
    height, width = frames[0].shape[:2]
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "libx264", rate=FPS, options={"crf": str(crf), "preset": "veryfast", "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for bgr in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as decoded:
        return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in decoded.decode(video=0)]
