"""Of faces of known size and place: how many are found, and how soon.

    python tools/compose_faces.py PEOPLE_DIR film
    python tools/faces_by_size.py film

Reads the film moment by moment and, beside it, frame by frame (`--every frame`), with the people of
the film's folder enrolled. A face is found where the middle of a box is within half its side. Names
are right where the nearest true face is that person's. `late_s` is from when a face enters a shot
that is running to the first frame that shows it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.library import enrol, identify, open_gallery, open_models

if TYPE_CHECKING:
    from edge.offline.summary import Identification

FRAME_S = 0.04


def judge(found: Identification, truth: list[dict[str, Any]], known: set[str]) -> dict[str, Any]:
    """Return what became of the true faces, by their size."""
    boxes: dict[int, list[tuple[np.ndarray, str | None]]] = defaultdict(list)
    for face in found.faces:
        box = np.array(face.box)
        boxes[face.frame].append(((box[:2] + box[2:]) / 2, face.id))
    seen: Counter[int] = Counter()
    named: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    every = Counter(one["side_px"] for one in truth)
    first: dict[tuple[str, int], int] = {}
    for one in truth:
        box, side = np.array(one["box"]), one["side_px"]
        middle = (box[:2] + box[2:]) / 2
        off = [float(np.abs(at - middle).max()) for at, _ in boxes[one["frame"]]]
        if not off or min(off) > side / 2:
            continue
        person = boxes[one["frame"]][int(np.argmin(off))][1]
        seen[side] += 1
        named[side] += person == one["person"]
        wrong[side] += person is not None and person != one["person"]
        began = one["frame"] - one["since"]
        first.setdefault((one["person"], began), one["since"])
    entered = {
        (one["person"], one["frame"] - one["since"])
        for one in truth
        if one["late"] and one["side_px"] >= 40
    }
    late = sorted(FRAME_S * first[key] for key in entered if key in first)
    knowable = Counter(one["side_px"] for one in truth if one["person"] in known)
    return {
        "recall": {side: round(seen[side] / every[side], 4) for side in sorted(every)},
        "named": {side: round(named[side] / n, 4) for side, n in sorted(knowable.items())},
        "right": named.total(),
        "wrong": wrong.total(),
        "entered": len(entered),
        "never_found": len(entered - set(first)),
        "late_s_p50_p95_max": [round(float(np.quantile(late, q)), 3) for q in (0.5, 0.95, 1)]
        if late
        else [],
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what compose_faces.py wrote")
    parser.add_argument("--only", choices=("moment", "frame"))
    given = parser.parse_args()
    told = json.loads((given.folder / "truth.json").read_text())
    known = {path.name for path in (given.folder / "people").iterdir()}
    with tempfile.TemporaryDirectory() as scratch:
        enrol(given.folder / "people", Path(scratch, "gallery"))
        models, gallery = open_models(), open_gallery(Path(scratch, "gallery"))
        result: dict[str, Any] = {"faces": len(told["faces"])}
        for way in ("moment", "frame"):
            if given.only not in (None, way):
                continue
            began, cpu = time.perf_counter(), time.process_time()
            found = identify(
                given.folder / "film.mp4", gallery, models=models, every_frame=way == "frame"
            )
            cost = {
                "cpu_ms_frame": round(1000 * (time.process_time() - cpu) / found.frames, 2),
                "fps": round(found.frames / (time.perf_counter() - began), 1),
            }
            result[way] = {**judge(found, told["faces"], known), **cost}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
