"""Compare what `tools/arm64_trial.sh` wrote: `arm64_table.py OUT` prints Markdown.

Exit code 1 if a name differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SCENES = tuple(f"{p}-{s}" for p in ("fp32", "int8") for s in ("bbt1", "bbt2", "bbt3", "clip"))


def names_of(answer: dict[str, Any]) -> list[tuple[int, str | None]]:
    """Return each face's frame and name, ordered by frame and place from the left."""
    faces = sorted(answer["faces"], key=lambda f: (f.get("frame", 0), f["box"][0]))
    return [(face.get("frame", 0), face["id"]) for face in faces]


def best_of(answer: dict[str, Any]) -> dict[str, float]:
    """Return the best score of everybody who was named."""
    best: dict[str, float] = {}
    for face in answer["faces"]:
        if face["id"]:
            best[face["id"]] = max(face["score"], best.get(face["id"], -1.0))
    return best


def landmark_gap_px(scene_a: dict[str, Any], scene_b: dict[str, Any]) -> float | None:
    """Return the largest distance of landmarks; None if the number of faces differs."""
    a, b = (np.asarray(s["landmarks_px"], np.float64).reshape(-1, 2) for s in (scene_a, scene_b))
    return float(np.linalg.norm(a - b, axis=1).max(initial=0)) if a.shape == b.shape else None


def main(out: Path) -> int:
    """Print the tables; return 1 if a name differs."""
    answers = {
        machine: {name: json.loads((out / f"{machine}-{name}.json").read_text()) for name in SCENES}
        for machine in ("pc", "arm64")
    }
    seen = {m: json.loads((out / f"{m}-detector.json").read_text()) for m in ("pc", "arm64")}
    print("| | this PC | emulated Arm64 |\n|---|---|---|")
    for what in ("machine", "python", "int8_sha256"):
        print(f"| {what} | {seen['pc'][what][:16]} | {seen['arm64'][what][:16]} |")
    for library, here in seen["pc"]["libraries"].items():
        print(f"| {library} | {here} | {seen['arm64']['libraries'][library]} |")
    same = True
    for scene in SCENES:
        pc, arm = answers["pc"][scene], answers["arm64"][scene]
        alike = names_of(pc) == names_of(arm)
        same &= alike
        texts = [", ".join(f"{k} {v:.4f}" for k, v in best_of(a).items()) for a in (pc, arm)]
        faces = f"{len(pc['faces'])} faces, {'same names' if alike else 'OTHER NAMES'}"
        print(f"| {scene}: {faces} | {texts[0]} | {texts[1]} |")
    for scene, pc_found in seen["pc"]["scenes"].items():
        for precision, pc_faces in pc_found.items():
            arm_faces = seen["arm64"]["scenes"][scene][precision]
            gap = landmark_gap_px(pc_faces, arm_faces)
            told = "other faces" if gap is None else f"landmarks at most {gap:.3f} px apart"
            counts = [f"{len(f['scores'])} faces" for f in (pc_faces, arm_faces)]
            print(f"| {scene}: detector {precision}, {told} | {counts[0]} | {counts[1]} |")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
