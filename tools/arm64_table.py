"""Compare what `tools/arm64_trial.sh` wrote: `arm64_table.py OUT` prints Markdown.

Says only what is there: an answer that was not waited for is called missing, exit code 1, as where
a name differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file

from gallery.store.quantise import restore

if TYPE_CHECKING:
    from numpy.typing import NDArray

Answer = dict[str, Any]
Face = dict[str, Any]
MACHINES = {"pc": "PC", "arm64": "Arm64"}
PRECISIONS = ("fp32", "int8")
WHAT = ("scenes", "clip")


def read(out: Path, name: str) -> Answer | None:
    """Return an answer; None where it was not waited for."""
    path = out / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def faces_of(answer: Answer, frame: int | None = None) -> list[Face]:
    """Return the faces of one frame, or of all, by frame and from the left."""
    chosen = [f for f in answer["faces"] if frame in {None, f["frame"]}]
    return sorted(chosen, key=lambda f: (f["frame"], f["box"][0]))


def told(faces: list[Face]) -> str:
    """Return who was named, with the best score and in how many frames."""
    named: dict[str, list[float]] = {}
    for face in faces:
        if face["id"]:
            named.setdefault(face["id"], []).append(face["score"])
    texts = [
        f"{person} {max(scores):.4f}" + (f" in {len(scores)} frames" if len(scores) > 1 else "")
        for person, scores in named.items()
    ]
    return f"{len(faces)} faces: " + (", ".join(texts) or "nobody named")


def differing(here: list[Face], there: list[Face]) -> tuple[str, bool]:
    """Return how two answers differ, and whether the names are the same."""
    if [f["frame"] for f in here] != [f["frame"] for f in there]:
        return "OTHER FACES", False
    names = [(a["frame"], a["id"], b["id"]) for a, b in zip(here, there, strict=True)]
    other = [f"frame {frame}: {a} and {b}" for frame, a, b in names if a != b]
    gap = np.abs([np.subtract(a["box"], b["box"]) for a, b in zip(here, there, strict=True)])
    score = np.abs([a["score"] - b["score"] for a, b in zip(here, there, strict=True)])
    apart = f"boxes at most {gap.max():.1f} px apart, scores {score.max():.4f}"
    return "; ".join([*other, apart]) if other else f"same names, {apart}", not other


def scenes(answer: Answer) -> list[tuple[str, int | None]]:
    """Return name and frame of each picture of an answer; a clip is one."""
    pictures = answer.get("pictures") or []
    return [(p["file"], p["frame"]) for p in pictures] or [("first 1.5 s of the clip", None)]


def compare(label: str, what: str, here: Answer | None, there: Answer | None) -> bool:
    """Print the rows of two answers to one question; return whether all names are the same."""
    if here is None or there is None:
        print(f"| {label}, {what} | MISSING: not waited for | | |")
        return False
    alike = True
    for name, frame in scenes(here):
        faces = [faces_of(answer, frame) for answer in (here, there)]
        how, same = differing(*faces)
        alike &= same
        print(f"| {label}, {name} | {told(faces[0])} | {told(faces[1])} | {how} |")
    return alike


def compare_versions(here: Answer | None, there: Answer | None) -> bool:
    """Print versions; return whether both machines made the same INT8 files."""
    if here is None or there is None:
        print("| versions | MISSING: not waited for | | |")
        return False
    for what, value in here.items():
        how = "same" if value == there[what] else "differs"
        print(f"| {what} | {value} | {there[what]} | {how} |")
    return all(there[what] == value for what, value in here.items() if "sha256" in what)


def templates(gallery: Path) -> NDArray[np.float32]:
    """Return the templates of a gallery that has no update: unit vectors, float32 (n, 128)."""
    (file,) = (gallery / "current").glob("*.safetensors")
    tensors = load_file(file)
    return restore(tensors["rows"], tensors["scales"])


def compare_enrolled(out: Path) -> bool:
    """Print how far apart the templates are; return whether both machines enrolled."""
    if any(read(out, f"{machine}-enrolled") is None for machine in MACHINES):
        print("| INT8, enrolled pictures | MISSING: not waited for | | |")
        return False
    here, there = (templates(out / machine) for machine in MACHINES)
    cosine = np.einsum("nd,nd->n", here, there).min()
    print(
        f"| INT8, enrolled pictures | {len(here)} | {len(there)} | cosine at least {cosine:.4f} |"
    )
    return True


def main(out: Path) -> int:
    """Print the tables; return 1 if a name differs or an answer is missing."""
    print("| | this PC | emulated Arm64 | |\n|---|---|---|---|")
    same = compare_versions(*(read(out, f"{m}-versions") for m in MACHINES))
    for precision in PRECISIONS:
        for what in WHAT:
            answers = [read(out, f"{m}-{precision}-{what}") for m in MACHINES]
            same &= compare(precision.upper(), what, *answers)
    same &= compare_enrolled(out)
    print("\n| | FP32 | INT8 | |\n|---|---|---|---|")
    for machine, label in MACHINES.items():
        for what in WHAT:
            answers = [read(out, f"{machine}-{p}-{what}") for p in PRECISIONS]
            same &= compare(label, what, *answers)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
