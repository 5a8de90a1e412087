"""How much mouths move in a film, as the recogniser sees it, in each two seconds.

    python tools/lip_scores.py FILM [--speakers LEFT.mp4 RIGHT.mp4]

Each line is a face: its track, the middle of its box, its side, and the ratio of each two seconds,
half a second apart, in which it could be told. `--speakers` has a sound for each of the longest
tracks, from left to right, in which only that face is heard: times that are speech for 0.8 or more,
and for 0.3 or less, are counted by what the lips say.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from edge.recognise.cues.lips import MOVE, STILL
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.video.open import open_source
from edge.voices.enrol import sound_of
from engines.pipeline import load_pipeline
from engines.voice.speech import CHUNK, SpeechDetector
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

WINDOW_S, STEP_S = 2.0, 0.5


def ratios(film: Path) -> dict[int, list[tuple[float, float, float, float]]]:
    """Return (time, ratio, middle, side) of each two seconds, by track."""
    found: dict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    pipeline = load_pipeline(threads=1, precision="fp32")
    with TemporaryDirectory() as scratch, open_source(str(film)) as source:
        template = np.eye(1, pipeline.embedder.dimension, dtype=np.float32)
        people = [Person("nobody", {"en": "nobody"})]
        create_gallery(Path(scratch), people, template, np.zeros(1, np.int32), pipeline.model)
        gallery = open_gallery(Path(scratch))
        recogniser = Recogniser(pipeline, lambda: gallery, RecogniserOptions())
        due_s = WINDOW_S
        for picture in source.pictures():
            recogniser.lips.wake(picture.pts_s)
            step = recogniser.process(picture.to_frame())
            if picture.pts_s < due_s:
                continue
            due_s += STEP_S
            for face in step.scene.faces:
                box, now_s = face.box, picture.pts_s
                told = recogniser.lips.motion(face.track, now_s - WINDOW_S, now_s)
                if told is not None:
                    side_px = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
                    found[face.track].append((now_s, told, (box[0] + box[2]) / 2, side_px))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--speakers", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    found = ratios(asked.film)
    for track, seconds in found.items():
        told = " ".join(f"{at_s:.1f}:{ratio:.2f}" for at_s, ratio, *_ in seconds)
        print(f"{track}: x {seconds[0][2]:.0f}, {seconds[0][3]:.0f} px, {told}")
    speech, counts = SpeechDetector(), defaultdict(list)
    longest = sorted(found, key=lambda track: -len(found[track]))[: len(asked.speakers)]
    order = sorted(longest, key=lambda track: found[track][0][2])
    for path, track in zip(asked.speakers, order, strict=True):
        speech.reset()
        probable = speech.hear(sound_of(path))
        for at_s, ratio, *_ in found[track]:
            end = round(at_s * 16_000 / CHUNK)
            share = float(probable[end - round(WINDOW_S * 16_000 / CHUNK) : end].mean())
            if share >= 0.8 or share <= 0.3:
                counts["speaks" if share >= 0.8 else "is silent"].append(ratio)
    for kind, some in counts.items():
        moved = sum(one >= MOVE for one in some)
        still = sum(one <= STILL for one in some)
        print(f"{kind}: {len(some)} times, lips move in {moved}, are still in {still}", end="")
        print(f"; {np.round(np.sort(some), 2).tolist()}")


if __name__ == "__main__":
    main()
