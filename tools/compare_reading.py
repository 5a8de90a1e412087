"""What reading a film moment by moment loses against searching every single frame.

    python tools/compare_reading.py FILM GALLERY

Counts the faces that the search of every frame shows, by the shorter side of their boxes, and how
many of them the other way shows within 2 % of the frame's width. Both in one run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from edge.library import identify, open_gallery, open_models, open_source

if TYPE_CHECKING:
    from edge.offline.summary import Identification

CLASSES_PX = (0, 20, 30, 40, 60, 100, 200, 10_000)
NEAR = 0.02


def middles(found: Identification) -> dict[int, np.ndarray]:
    """Return the middles of the faces of each frame, float64 (n, 2)."""
    boxes = defaultdict(list)
    for face in found.faces:
        boxes[face.frame].append(face.box)
    return {
        frame: (np.array(those)[:, :2] + np.array(those)[:, 2:]) / 2
        for frame, those in boxes.items()
    }


def compare(every: Identification, moments: Identification, width: int) -> dict[str, object]:
    """Return how many faces of `every` are shown in `moments` as well, by size."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    places = middles(moments)
    for face in every.faces:
        box = np.array(face.box)
        side = float((box[2:] - box[:2]).min())
        name = f"from {max(c for c in CLASSES_PX if c <= max(side, 0))} px"
        there = places.get(face.frame, np.zeros((0, 2)))
        off = np.abs(there - (box[:2] + box[2:]) / 2).max(axis=1, initial=0.0)
        found[name][0] += 1
        found[name][1] += bool(len(off) and off.min() <= NEAR * width)
    total = np.array(list(found.values())).reshape(-1, 2).sum(axis=0)
    shares = {name: [n, round(near / n, 4)] for name, (n, near) in sorted(found.items())}
    return {"faces_and_share_near": shares, "share_near": round(float(total[1] / total[0]), 4)}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film")
    parser.add_argument("gallery")
    given = parser.parse_args()
    models, gallery = open_models(), open_gallery(given.gallery)
    with open_source(given.film) as source:
        width = source.size[0]
    results, cpu_s = [], []
    for every_frame in (True, False):
        before = time.process_time()
        results.append(identify(given.film, gallery, models=models, every_frame=every_frame))
        cpu_s.append(round(time.process_time() - before, 1))
    print(
        json.dumps(
            {
                **compare(*results, width),
                "faces": [len(found.faces) for found in results],
                "named": [sum(face.id is not None for face in f.faces) for f in results],
                "cpu_s": cpu_s,
            }
        )
    )


if __name__ == "__main__":
    main()
