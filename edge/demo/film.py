"""Shots to frames to an H.264 file, with the truth of who is where."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2
import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.demo.camera import Stage
from edge.demo.portraits import PORTRAITS
from edge.demo.programme import FPS, HEIGHT, PEOPLE, WIDTH, Shot

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MIN_VISIBLE = 0.6
"""A face counts as visible when this share of its box is inside its part of the screen."""

SEAM_PX = 6
TITLE_HEIGHT_PX = 180


class TrueFace(msgspec.Struct, frozen=True):
    """A face of one frame; `id` is None for somebody who is not enrolled; `box` in frame pixels."""

    frame: int
    person: str
    id: str | None
    box: tuple[float, float, float, float]
    opacity: float


class TrueShot(msgspec.Struct, frozen=True):
    """A shot; the frames from `first` to before `end` show it, its dissolve included."""

    first: int
    end: int
    start_s: float
    end_s: float
    transition: str
    people: tuple[str, ...]
    strangers: tuple[str, ...]


class Truth(msgspec.Struct, frozen=True):
    """What the programme shows."""

    note: str
    fps: int
    width: int
    height: int
    frames: int
    people: tuple[str, ...]
    shots: tuple[TrueShot, ...]
    faces: tuple[TrueFace, ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A shot on its frames, `first` to before `end`; the first `fade` of them are a dissolve."""

    shot: Shot
    first: int
    end: int
    fade: int

    def t(self, index: int) -> float:
        return (index - self.first) / max(1, self.end - self.first - 1)

    def opacity(self, index: int) -> float:
        return min(1.0, (index - self.first + 1) / (self.fade + 1))


def place(programme: Sequence[Shot]) -> list[_Placed]:
    """Return the shots with their frames; a dissolve overlaps the end of the shot before."""
    placed: list[_Placed] = []
    end = 0
    for shot in programme:
        fade = round(shot.dissolve_s * FPS) if placed else 0
        first = end - fade
        end = first + round(shot.seconds * FPS)
        placed.append(_Placed(shot, first, end, fade))
    return placed


class _Set:
    """A shot's stages, side by side."""

    def __init__(self, placed: _Placed, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        self.placed = placed
        count = len(placed.shot.moves)
        width = (WIDTH - SEAM_PX * (count - 1)) // count
        self.size = (width, HEIGHT)
        self.stages = [
            (index * (width + SEAM_PX), move, Stage(pictures[move.portrait], move, self.size))
            for index, move in enumerate(placed.shot.moves)
        ]
        self.title = _title(placed.shot.title) if placed.shot.title else None

    def frame(self, index: int) -> NDArray[np.uint8]:
        t = self.placed.t(index)
        if len(self.stages) == 1:
            frame = self.stages[0][2].frame(t)
        else:
            frame = np.full((HEIGHT, WIDTH, 3), 12, np.uint8)
            for left, _, stage in self.stages:
                frame[:, left : left + self.size[0]] = stage.frame(t)
        if self.title is not None:
            alpha = self.title * min(1.0, 6 * t, 6 * (1 - t))
            part = frame[-TITLE_HEIGHT_PX:]
            part[:] = (part + (255.0 - part) * alpha).astype(np.uint8)
        return frame

    def faces(self, index: int, opacity: float) -> Iterator[TrueFace]:
        t = self.placed.t(index)
        for offset, move, stage in self.stages:
            for person, box in PORTRAITS[move.portrait].faces:
                left, top, right, bottom = stage.box(t, box)
                shown = _visible((left, top, right, bottom), self.size)
                if shown >= MIN_VISIBLE:
                    moved = (left + offset, top, right + offset, bottom)
                    known = person if person in PEOPLE else None
                    yield TrueFace(
                        index,
                        person.lstrip("?"),
                        known,
                        tuple(round(v, 1) for v in moved),  # type: ignore[arg-type]
                        round(opacity, 3),
                    )


def write_film(
    path: Path, pictures: Mapping[str, NDArray[np.uint8]], programme: Sequence[Shot]
) -> Generator[tuple[int, int], None, Truth]:
    """Write the programme; yield the frames done and their total; return the truth.

    Args:
        path: the file to write; what is left of it after an error is up to the caller.
        pictures: uint8 (height, width, 3), BGR, by portrait.
        programme: the shots in their order.
    """
    placed = place(programme)
    total = placed[-1].end
    faces: list[TrueFace] = []
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = _add_stream(container)
        for index, (frame, seen) in enumerate(_frames(placed, pictures)):
            faces += seen
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.pts = index
            container.mux(stream.encode(picture))
            yield index + 1, total
        container.mux(stream.encode(None))
    return _truth(placed, faces)


def _frames(
    placed: Sequence[_Placed], pictures: Mapping[str, NDArray[np.uint8]]
) -> Iterator[tuple[NDArray[np.uint8], list[TrueFace]]]:
    """Yield each frame (uint8 (height, width, 3), BGR) and the faces on it."""
    sets: dict[int, _Set] = {}
    for index in range(placed[-1].end):
        on = [n for n, p in enumerate(placed) if p.first <= index < p.end]
        sets = {n: sets[n] if n in sets else _Set(placed[n], pictures) for n in on}
        frame = sets[on[0]].frame(index)
        opacity = placed[on[-1]].opacity(index) if len(on) > 1 else 1.0
        seen = list(sets[on[0]].faces(index, 1 - opacity if len(on) > 1 else 1.0))
        if len(on) > 1:
            over = sets[on[-1]].frame(index)
            frame = np.asarray(cv2.addWeighted(frame, 1 - opacity, over, opacity, 0), np.uint8)
            seen += sets[on[-1]].faces(index, opacity)
        yield frame, seen


def _add_stream(container: Any) -> Any:
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.time_base = Fraction(1, FPS)
    # A fixed number of threads: x264's output depends on it.
    stream.options = {"preset": "superfast", "crf": "22", "threads": "2", "g": str(2 * FPS)}
    return stream


def _truth(placed: Sequence[_Placed], faces: list[TrueFace]) -> Truth:
    shots = []
    for p in placed:
        shown = {person for move in p.shot.moves for person, _ in PORTRAITS[move.portrait].faces}
        shots.append(
            TrueShot(
                p.first,
                p.end,
                p.first / FPS,
                p.end / FPS,
                "dissolve" if p.fade else "cut",
                tuple(sorted(shown & set(PEOPLE))),
                tuple(sorted(person.lstrip("?") for person in shown - set(PEOPLE))),
            )
        )
    note = (
        "This programme is composed of still photographs. Barack Obama is shown in photographs "
        "other than the enrolled one; Joe Biden and Eileen Collins in the enrolled one."
    )
    return Truth(
        note, FPS, WIDTH, HEIGHT, placed[-1].end, tuple(sorted(PEOPLE)), tuple(shots), tuple(faces)
    )


def _visible(box: tuple[float, float, float, float], size: tuple[int, int]) -> float:
    """Return the share of a box's area that lies in a picture of this size."""
    left, top, right, bottom = box
    width = max(0.0, min(right, size[0]) - max(left, 0.0))
    height = max(0.0, min(bottom, size[1]) - max(top, 0.0))
    return width * height / max((right - left) * (bottom - top), 1e-9)


def _title(lines: Sequence[str]) -> NDArray[np.float32]:
    """Return coverage of the frame's lowest rows, float32 (180, width, 1), in Pillow's own font."""
    image = Image.new("L", (WIDTH, TITLE_HEIGHT_PX))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        font = ImageFont.load_default(44 if row == 0 else 30)
        draw.text((80, 10 + 60 * row), line, fill=255, font=font)
    return (np.asarray(image, np.float32) / 255.0)[..., None]
