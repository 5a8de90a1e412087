"""Free pictures and a short film for tests of function: what every clone can have.

The demonstration's photographs (public domain) and a film of nine seconds composed of them. Only
figures of accuracy need the real faces of `data_dir`, which are no part of the project.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from edge.demo.camera import Move, View
from edge.demo.errors import DemoError
from edge.demo.film import write_film
from edge.demo.portraits import PORTRAITS, fetch_portraits
from edge.demo.programme import PEOPLE, Shot
from engines.files import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

STAR = "barack_obama"
"""Seen alone in the first shot with a face, and beside Joe Biden in the next."""
SECOND = "joe_biden"

SHOTS = (
    Shot(0.8, (Move("rocket", View(0.5, 0.55, 0.98), View(0.5, 0.42, 0.72)),)),
    Shot(3.2, (Move("obama_blue_room", View(0.52, 0.4, 0.5), View(0.53, 0.22, 0.38)),)),
    Shot(
        3.0,
        (
            Move("obama_blue_room", View(0.54, 0.22, 0.42), View(0.54, 0.2, 0.36)),
            Move("biden_portrait", View(0.58, 0.22, 0.42), View(0.58, 0.2, 0.36)),
        ),
    ),
    Shot(2.0, (Move("hopper_portrait", View(0.52, 0.42, 0.8), View(0.52, 0.4, 0.7)),)),
)
RATE = 25
RATE_HZ = 16_000
FRAMES = 225
STRANGER_FROM = 175
"""From this frame on only Grace Hopper is seen, who is not enrolled."""


LABELS = {
    "clip": "clip.mp4",
    "frames": FRAMES,
    "shots": [
        {"first": 0, "last": 19, "visible": []},
        {"first": 20, "last": 99, "visible": [STAR]},
        {"first": 100, "last": 174, "visible": [STAR, SECOND]},
        {"first": STRANGER_FROM, "last": FRAMES - 1, "visible": []},
    ],
}


@dataclass(frozen=True)
class Free:
    """Material of nobody's but the public's.

    Attributes:
        clip: H.264 with sound in MP4, 640x360, `FRAMES` frames at 25 a second.
        people: a folder to enrol: three people with a photograph each.
        pair: a picture of Barack Obama, left, and Joe Biden.
        labels: who is seen in which shot of the clip.
        portrait: another photograph of Barack Obama than the one he is enrolled with.
        group: four people beside each other, 1600x480; no face is enrolled from it.
        faces: everybody's photograph, cut out around the face.
    """

    clip: Path
    people: Path
    pair: Path
    labels: Path
    portrait: Path
    group: Path
    faces: tuple[Path, ...]

    @classmethod
    def within(cls, folder: Path) -> Free:
        """Return what `make_free` has made in a folder."""
        return cls(
            folder / "clip.mp4",
            folder / "people",
            folder / "pair.png",
            folder / "labels.json",
            next(folder.glob("portrait.*")),
            folder / "group.png",
            tuple(folder / "faces" / f"{name}.png" for name in FACES),
        )

    def person(self, name: str) -> Path:
        """Return the photograph that somebody is enrolled with."""
        return next(p for p in (self.people / name).iterdir() if p.suffix != ".toml")


def finish(large: Path, film: Path) -> None:
    """Write a film at half its size, 640x360, with a tone of 440 Hz as long as its pictures."""
    with av.open(str(large)) as source, av.open(str(film), "w") as target:
        picture = target.add_stream("libx264", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 640, 360, "yuv420p"
        picture.options = {"preset": "superfast", "crf": "20", "threads": "1", "g": str(RATE)}
        sound = target.add_stream("aac", rate=RATE_HZ, layout="mono")
        for index, frame in enumerate(source.decode(video=0)):
            small = frame.reformat(640, 360, "yuv420p")
            small.pts, small.time_base = index, Fraction(1, RATE)
            target.mux(picture.encode(small))
        target.mux(picture.encode(None))
        tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange((index + 1) * RATE_HZ // RATE) / RATE_HZ)
        for first in range(0, len(tone) - 1023, 1024):
            block = tone[None, first : first + 1024].astype(np.float32)
            tones = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            tones.sample_rate, tones.pts = RATE_HZ, first
            target.mux(sound.encode(tones))
        target.mux(sound.encode(None))


def variants(face: Path, folder: Path, count: int) -> list[Path]:
    """Write a photograph turned, lit and blurred a little otherwise each time; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    bgr = cv2.imread(str(face), cv2.IMREAD_COLOR)
    assert bgr is not None
    height, width = bgr.shape[:2]
    made = []
    for number in range(count):
        angle_deg, light, side = 4.0 * (number % 5 - 2), 0.75 + 0.12 * (number % 5), number % 2
        turned = cv2.warpAffine(
            cv2.flip(bgr, 1) if side else bgr,
            cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0 - 0.03 * number),
            (width, height),
            borderMode=cv2.BORDER_REPLICATE,
        )
        lit = np.clip(turned * light, 0, 255).astype(np.uint8)
        path = folder / f"{number + 1}.png"
        cv2.imwrite(str(path), cv2.GaussianBlur(lit, (0, 0), 0.5 + 0.3 * number))
        made.append(path)
    return made


FACES = ("obama_portrait", "biden_portrait", "collins_portrait", "hopper_portrait", "obama_speech")
GROUP_PX = 400


def _cut_out(bgr: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a square around a face, 2.2 times as wide, uint8 (side, side, 3)."""
    left, top, right, bottom = box
    side = round(2.2 * max(right - left, bottom - top))
    wide = cv2.copyMakeBorder(bgr, side, side, side, side, cv2.BORDER_REPLICATE)
    x, y = (left + right - side) // 2 + side, (top + bottom - side) // 2 + side
    return wide[y : y + side, x : x + side]


def make_faces(folder: Path, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write everybody's face, and a picture of four of them beside each other."""
    row = []
    (folder / "faces").mkdir()
    for name in FACES:
        cut = _cut_out(pictures[name], PORTRAITS[name].faces[0][1])
        cut = cv2.resize(cut, (GROUP_PX, GROUP_PX), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "faces" / f"{name}.png"), cut)
        row.append(cut)
    group = cv2.copyMakeBorder(cv2.hconcat(row[:4]), 40, 40, 0, 0, cv2.BORDER_REPLICATE)
    cv2.imwrite(str(folder / "group.png"), group)


def make_free(folder: Path) -> Free:
    """Compose the material in a folder; skip the test where the photographs are not to be had."""
    try:
        paths = fetch_portraits(cache_dir() / "demo" / "photographs", lambda _: None)
    except DemoError as error:
        pytest.skip(f"the demonstration's photographs are not here: {error}")
    for person, portrait in PEOPLE.items():
        (folder / "people" / person).mkdir(parents=True)
        shutil.copy(paths[portrait], folder / "people" / person / f"1{paths[portrait].suffix}")
    pictures = {name: cv2.imread(str(path), cv2.IMREAD_COLOR) for name, path in paths.items()}
    for _ in write_film(folder / "large.mp4", pictures, SHOTS):
        pass
    finish(folder / "large.mp4", folder / "clip.mp4")
    (folder / "labels.json").write_text(json.dumps(LABELS))
    video = cv2.VideoCapture(str(folder / "large.mp4"))
    video.set(cv2.CAP_PROP_POS_FRAMES, 120)
    read, frame = video.read()
    video.release()
    assert read
    cv2.imwrite(str(folder / "pair.png"), frame)
    make_faces(folder, pictures)
    portrait = paths["obama_speech"]
    shutil.copy(portrait, folder / f"portrait{portrait.suffix}")
    return Free.within(folder)
