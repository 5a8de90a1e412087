"""Compose clips of small faces, each with what tells who it is, for `tvradar evaluate --clips`.

    python tools/compose_clips.py PEOPLE OUT [--enrolled 20] [--clips 12] [--nobody 8] [--side 44]

PEOPLE has a folder of photographs for each person. OUT gets `enrol/` with five photographs of the
enrolled ones, clips of a second in which a photograph of theirs, or of somebody who is not
enrolled, drifts over a grey picture at `--side` pixels, and `clips.txt`. Every second clip has a
subtitle that says who speaks, the others an NFO with a cast of ten. Those of nobody tell of
somebody enrolled. Photographs are real, all else is composed.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import av
import cv2
import numpy as np

RATE, FRAMES, SIZE = 10, 12, (320, 180)
PICTURES, CAST = 5, 10


def write_clip(path: Path, photo: np.ndarray, side: int, line: str, seed: int) -> None:
    """Write a clip in which a photograph drifts, with a subtitle if there is a line."""
    random = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    small = cv2.resize(photo, (round(side * width / height), side), interpolation=cv2.INTER_AREA)
    told = av.open(
        io.BytesIO(f"1\n00:00:00,000 --> 00:00:01,100\n{line}\n\n".encode()), format="srt"
    )
    with av.open(str(path), "w") as film:
        video: Any = film.add_stream("libx264", rate=RATE, options={"crf": "23"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        track = film.add_stream_from_template(told.streams[0]) if line else None
        spoken: list[Any] = [p for p in told.demux() if p.size] if line else []
        x, y = random.integers(20, SIZE[0] - small.shape[1] - 40), random.integers(10, 60)
        for number in range(FRAMES):
            grey = np.linspace(90, 140, SIZE[0], dtype=np.float32)[None, :, None]
            bgr = np.broadcast_to(grey, (SIZE[1], SIZE[0], 3)).copy()
            left = x + number
            bgr[y : y + side, left : left + small.shape[1]] = small
            bgr += random.normal(0, 3, bgr.shape)
            frame = av.VideoFrame.from_ndarray(np.clip(bgr, 0, 255).astype(np.uint8), "bgr24")
            frame.pts = number
            packets = video.encode(frame)
            for packet in spoken:
                packet.stream = track
                film.mux(packet)
            spoken = []
            film.mux(packets)
        film.mux(video.encode(None))
    told.close()


def compose(people: Path, out: Path, enrolled: int, clips: int, nobody: int, side: int) -> None:
    """Write all of it; see above."""
    random = np.random.default_rng(0)
    folders = [p for p in sorted(people.iterdir()) if p.is_dir()]
    order = [folders[i] for i in random.permutation(len(folders))]
    known, others = order[:enrolled], order[enrolled:]
    (out / "clips").mkdir(parents=True, exist_ok=True)
    for person in known:
        target = out / "enrol" / person.name
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(person.iterdir())[:PICTURES]:
            shutil.copy(path, target / path.name)
    lines = []
    shown = [*known[:clips], *others[:nobody]]
    for number, person in enumerate(shown):
        mine = person in known
        meant = person if mine else known[int(random.integers(len(known)))]
        photo = cv2.imread(str(sorted(person.iterdir())[PICTURES]))
        if photo is None:
            continue
        clip = out / "clips" / f"{number:03}.mkv"
        line = f"{meant.name.replace('_', ' ')}: Good evening." if number % 2 == 0 else ""
        write_clip(clip, np.asarray(photo, np.uint8), side, line, number)
        if not line:
            rest = [p for p in known if p != meant]
            cast = [meant, *(rest[i] for i in random.permutation(len(rest))[: CAST - 1])]
            actors = "".join(
                f"<actor><name>{escape(p.name.replace('_', ' '))}</name></actor>" for p in cast
            )
            clip.with_suffix(".nfo").write_text(f"<movie><title>T</title>{actors}</movie>")
        lines.append(f"clips/{clip.name}\t{person.name if mine else '-'}")
    (out / "clips.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--enrolled", type=int, default=20)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--nobody", type=int, default=8)
    parser.add_argument("--side", type=int, default=44)
    given = parser.parse_args()
    compose(given.people, given.out, given.enrolled, given.clips, given.nobody, given.side)


if __name__ == "__main__":
    main()
