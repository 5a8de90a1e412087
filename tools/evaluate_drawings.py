"""How often a drawn face gets the name of somebody enrolled.

    python tools/evaluate_drawings.py DRAWINGS GALLERY [GALLERY ...] [--fpir 0.01]

DRAWINGS has a folder of pictures for each style; nobody drawn is enrolled. Each picture is
identified as `identify` does; intervals are by style.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from calibration.openset.evaluate import share_by_person
from edge.library import identify, open_models


def main() -> None:
    """Print a row for each style and one for all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("drawings", type=Path)
    parser.add_argument("galleries", type=Path, nargs="+")
    parser.add_argument("--fpir", type=float, default=0.01)
    given = parser.parse_args()
    models = open_models()
    print("| gallery | style | pictures | faces found | named | best score |")
    print(f"|{'---|' * 6}")
    for gallery in given.galleries:
        styles: list[str] = []
        named: list[bool] = []
        pictures: Counter[str] = Counter()
        for folder in sorted(p for p in given.drawings.iterdir() if p.is_dir()):
            found = identify(folder, gallery, models=models, fpir=given.fpir, cues=())
            pictures[folder.name] = found.frames
            mine = [face.id is not None for face in found.faces]
            best = max((face.score for face in found.faces), default=0.0)
            styles += [folder.name] * len(mine)
            named += mine
            row = (gallery.name, folder.name, found.frames, len(mine), sum(mine), f"{best:.2f}")
            print(f"| {' | '.join(map(str, row))} |", flush=True)
        share, low, high = share_by_person(styles, named) or (0.0, 0.0, 1.0)
        told = f"{share:.2%} ({low:.2%} to {high:.2%})"
        total = sum(pictures.values())
        print(f"| {gallery.name} | all | {total} | {len(named)} | {sum(named)}: {told} | |")


if __name__ == "__main__":
    main()
