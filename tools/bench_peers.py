"""Other ways to name a film beside ours: the same clip, one after the other, in one run.

    .venv/bin/python tools/bench_peers.py clip.mp4 --gallery gallery --people portraits

Each runs in a process of its own, with the threads that it takes by itself. A peer that is not
installed is left out. The peers want versions of their own of what we use too, so give them an
environment of their own (MediaPipe's last release with models in it is 0.10.21; dlib is compiled
for ten minutes):

    python3 -m venv peers
    peers/bin/pip install -e . 'setuptools<81' face_recognition insightface mediapipe
    peers/bin/pip install --no-deps mediapipe==0.10.21 protobuf==6.31.1 attrs
    peers/bin/python tools/bench_peers.py clip.mp4 --gallery gallery --people portraits

- OpenCV: FaceDetectorYN on each frame, FaceRecognizerSF on each face, its published cosine.
- face_recognition (dlib): the loop of its example facerec_from_webcam.py with its models, at full
  size and at a quarter of it as facerec_from_webcam_faster.py; its tolerance of 0.6.
- MediaPipe: BlazeFace, short and full range; finds faces and names nobody.
- insightface: its alignment and its ArcFaceONNX with our embedder, since its own weights are not
  for commercial use; OpenCV finds the faces, for its detectors do not read YuNet; the same cosine.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.bench.pipeline import (
    Side,
    each_frame,
    face_by_face,
    in_own_process,
    opencv_on,
    ours_on,
    read_truth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.bench.notes import Notes

DLIB_TOLERANCE = 0.6
"""The distance that face_recognition accepts by default."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", help="a film, with labels.json beside it")
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--people", type=Path, required=True, help="the same people's pictures")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    truth = read_truth(chosen.clip, None)
    sides: dict[str, Side] = {}
    for title, package, steps in PEERS:
        known = chosen.people if package == "face_recognition" else chosen.gallery
        judged = None if package == "mediapipe" else truth
        try:
            name = f"{title} {importlib.metadata.version(package)}"
            sides[name] = in_own_process(steps, chosen.clip, known, judged)
        except Exception as error:  # noqa: BLE001 - a peer that fails is not the end of the others
            print(f"left out: {title}: {error!r}"[:300], file=sys.stderr)
    if chosen.json:
        print(msgspec.json.encode(sides).decode())
        return
    print("| | frames/s | CPU s a film minute | peak MB | right | wrong | faces |")
    print("|---|---|---|---|---|---|---|")
    for title, side in sides.items():
        cells = (side.fps, side.cpu_s_per_film_min, side.peak_rss_mb, side.right, side.wrong)
        print(
            f"| {title} | "
            + " | ".join("" if cell is None else str(cell) for cell in cells)
            + f" | {side.faces} |"
        )


def dlib_on(source: str, people: Path, notes: Notes, shrink: int = 1) -> Iterator[None]:
    """Name each face of each frame as face_recognition's examples do."""
    import cv2
    import face_recognition

    ids, known = [], []
    for path in sorted(people.glob("*/*.*")):
        picture = face_recognition.load_image_file(str(path))
        for encoding in face_recognition.face_encodings(picture)[:1]:
            ids.append(path.parent.name)
            known.append(encoding)
    yield
    for frame in each_frame(source, notes):
        bgr = cv2.resize(frame.bgr, (0, 0), fx=1 / shrink, fy=1 / shrink)
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        with notes.timed("detect"):
            boxes = face_recognition.face_locations(rgb)
        notes.faces += len(boxes)
        with notes.timed("embed"):
            for encoding in face_recognition.face_encodings(rgb, boxes):
                distances = face_recognition.face_distance(known, encoding)
                best = int(np.argmin(distances))
                if distances[best] <= DLIB_TOLERANCE:
                    notes.names[frame.index].add(ids[best])
        yield


def dlib_quarter_on(source: str, people: Path, notes: Notes) -> Iterator[None]:
    """Like `dlib_on`, on pictures of a quarter of the width and height."""
    yield from dlib_on(source, people, notes, shrink=4)


def mediapipe_on(source: str, _: Path, notes: Notes, model: int = 0) -> Iterator[None]:
    """Find faces with BlazeFace, short range (0) or full range (1)."""
    import mediapipe

    with mediapipe.solutions.face_detection.FaceDetection(model_selection=model) as detector:
        yield
        for frame in each_frame(source, notes):
            with notes.timed("detect"):
                found = detector.process(np.ascontiguousarray(frame.bgr[:, :, ::-1]))
            notes.faces += len(found.detections or ())
            yield


def mediapipe_full_on(source: str, gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Like `mediapipe_on`, with its model for the full range."""
    yield from mediapipe_on(source, gallery_dir, notes, model=1)


def insightface_on(source: str, gallery_dir: Path, notes: Notes) -> Iterator[None]:
    """Name face by face with insightface's alignment and embedding."""
    from insightface.app.common import Face
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX

    from engines.fetch import fetch

    network = ArcFaceONNX(str(fetch("sface")))
    network.prepare(ctx_id=-1)

    def embed(bgr: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32]:
        return network.get(bgr, Face(kps=face[4:14].reshape(5, 2)))

    yield from face_by_face(source, gallery_dir, notes, embed)


PEERS = [
    ("tvradar", "tvradar", ours_on),
    ("OpenCV", "opencv-python-headless", opencv_on),
    ("face_recognition (dlib)", "face_recognition", dlib_on),
    ("face_recognition, a quarter of the size", "face_recognition", dlib_quarter_on),
    ("MediaPipe, short range", "mediapipe", mediapipe_on),
    ("MediaPipe, full range", "mediapipe", mediapipe_full_on),
    ("insightface with our models", "insightface", insightface_on),
]


if __name__ == "__main__":
    main()
