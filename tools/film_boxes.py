"""How far the boxes of a film are from where its faces are known to be.

    tvradar identify programme.mp4 --gallery gallery --json > found.json
    python tools/film_boxes.py found.json truth.json

The demonstration's programme has its truth beside it. Faces in a dissolve are left out, and what
lies outside the frame is cut off from both.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.02
OPAQUE = 0.999


def offsets_px(found: dict[str, Any], truth: dict[str, Any]) -> NDArray[np.float64]:
    """Return how far the nearest box's middle is from each known face's, along the worse axis.

    Args:
        found: as `identify --json` prints it.
        truth: of the programme.

    Returns:
        float64 (n,), pixels; infinite where the frame has no box.
    """
    limit = np.array([truth["width"], truth["height"]] * 2, float)
    middles = defaultdict(list)
    for face in found["faces"]:
        middles[face["frame"]].append(_middle(np.clip(face["box"], 0, limit)))
    known = [face for face in truth["faces"] if face["opacity"] >= OPAQUE]
    offsets = []
    for face in known:
        middle = _middle(np.clip(face["box"], 0, limit))
        off = (float(np.abs(there - middle).max()) for there in middles[face["frame"]])
        offsets.append(min(off, default=np.inf))
    return np.array(offsets)


def _middle(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((box[:2] + box[2:]) / 2)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("found", type=Path)
    parser.add_argument("truth", type=Path)
    given = parser.parse_args()
    truth = json.loads(given.truth.read_text())
    off_px = offsets_px(json.loads(given.found.read_text()), truth)
    p50, p98, worst = np.quantile(off_px, [0.5, 0.98, 1.0]).tolist()
    near = float((off_px <= NEAR * truth["width"]).mean())
    told = {"faces": len(off_px), "share_near": near, "p50_px": p50, "p98_px": p98, "worst": worst}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
