"""How often the flow of a torso keeps hold of somebody whose face is hidden from the recogniser.

    python tools/evaluate_following.py FILM [FILM ...]

Faces are found in every frame. Each that is seen for so long is hidden from then on, every half a
second once, as if it turned away, while all others stay; where its torso was followed to is
compared with where the face truly is: within half a face of it is right, nearer to another face or
further off is wrong, given up is neither. A face that is truly there but hidden moves as others do;
one that turns away is not measured by this. Prints a table and what a followed frame costs.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.recognise.cues.follow import TorsoFlow
from edge.recognise.scene import Face
from edge.recognise.shots import SMALL_PX, ShotDetector
from edge.recognise.track import Tracker
from edge.video.frame import Frame
from edge.video.open import open_source
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.recognise.cues.follow import Away
    from engines.detector import Detector

AFTER_S = (0.5, 1.0, 1.5, 2.0)
EVERY_S = 0.5
Boxes = dict[int, "NDArray[np.float32]"]


def shots(film: Path, detector: Detector) -> Iterator[list[tuple[Frame, Boxes]]]:
    """Yield each shot's frames, at most 640 pixels wide, with the faces in them by track."""
    cuts, tracker = ShotDetector(), Tracker()
    shot: list[tuple[Frame, Boxes]] = []
    with open_source(str(film)) as source:
        for frame in source:
            if cuts.is_cut(frame.scaled(SMALL_PX, sampled=True)) and shot:
                yield shot
                shot = []
                tracker.reset()
            scale = min(1.0, 640 / max(frame.size))
            width, height = (round(v * scale) for v in frame.size)
            small = frame.scaled((width, height)) if scale < 1 else frame.bgr
            found = detector.detect(frame.bgr)
            seen = tracker.update(found, frame.pts_s)
            boxes = {t.number: found.xyxy_px[i] * np.float32(scale) for t, i in seen}
            shot.append((Frame(small, frame.pts_s, frame.index, 0), boxes))
    yield shot


def hide(shot: list[tuple[Frame, Boxes]], track: int, first: int, took: list[float]) -> list[str]:
    """Return what became of a track after each time of `AFTER_S` whose face is hidden."""
    flow: TorsoFlow[Face] = TorsoFlow()
    frame, boxes = shot[first - 1]
    box = boxes[track]
    face = Face(track, tuple(box.tolist()), "hidden", 1.0, None, probability=1.0)
    flow.look(frame, boxes)
    flow.follow(frame, [face], [track])
    flow.look(frame, boxes)
    said: dict[float, str] = {}
    for frame, boxes in shot[first:]:
        away_s = frame.pts_s - shot[first - 1][0].pts_s
        if away_s > AFTER_S[-1]:
            break
        others = {number: box for number, box in boxes.items() if number != track}
        begun = time.thread_time()
        flow.look(frame, others)
        shown = [Face(n, tuple(b.tolist()), None, 0.0, None) for n, b in others.items()]
        told = flow.follow(frame, shown, ())
        took.append(time.thread_time() - begun)
        moment = min(AFTER_S, key=lambda s: abs(s - away_s))
        if track in boxes:
            said[moment] = verdict(told, boxes[track], others)
    return [said.get(moment, "not seen") for moment in AFTER_S]


def verdict(told: tuple[Away[Face], ...], truth: NDArray[np.float32], others: Boxes) -> str:
    """Return whether a followed box is where the face is."""
    if not told:
        return "given up"
    box = np.array(told[0].box, np.float32)
    side = float((truth[2:] - truth[:2]).min())
    off = distance(box, truth)
    nearer = any(distance(box, other) < off for other in others.values())
    return "right" if off <= side / 2 and not nearer else "wrong"


def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return how far the centres of two boxes are apart."""
    return float(np.linalg.norm((a - b).reshape(2, 2).mean(axis=0)))


def measure(film: Path, detector: Detector) -> tuple[dict[float, Counter[str]], list[float]]:
    """Return what became of hidden faces after each time, and the seconds a frame took."""
    tally: dict[float, Counter[str]] = defaultdict(Counter)
    took: list[float] = []
    for shot in shots(film, detector):
        next_s: dict[int, float] = {}
        for place in range(1, len(shot)):
            frame, before = shot[place - 1]
            for track in before:
                if frame.pts_s < next_s.get(track, -1.0):
                    continue
                next_s[track] = frame.pts_s + EVERY_S
                for moment, what in zip(AFTER_S, hide(shot, track, place, took), strict=True):
                    tally[moment][what] += 1
    return tally, took


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("films", type=Path, nargs="+")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    detector = load_pipeline(threads=1).detector
    print("| film | after | right | given up | wrong |\n|---|---|---|---|---|")
    for film in given.films:
        tally, took = measure(film, detector)
        for moment, counts in sorted(tally.items()):
            known = sum(n for what, n in counts.items() if what != "not seen")
            shares = " | ".join(
                f"{counts[what]} ({counts[what] / max(known, 1):.1%})"
                for what in ("right", "given up", "wrong")
            )
            print(f"| {film.parent.name} | {moment} s | {shares} |")
        if took:
            cpu_ms = 1000 * float(np.median(took))
            print(f"\n{film}: {cpu_ms:.2f} ms of CPU a followed frame (median)\n")


if __name__ == "__main__":
    main()
