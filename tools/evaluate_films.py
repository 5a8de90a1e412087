"""How many faces of a labelled film `identify` names rightly, wrongly and not at all.

    python tools/evaluate_films.py FILM.mp4 LABELS.json GALLERY [GALLERY ...]

A name is right when the labels say that the person is visible in that frame and nobody else in it
has the name (docs/accuracy.md has their form); where in the frame somebody is they do not say.
`tools/fill_gallery.py --real` makes a gallery of a cast and 1,000 other people.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from edge.evaluate.labels import Labels, read_labels
from edge.library import identify, open_models

if TYPE_CHECKING:
    from edge.offline.identify import Identification


def count(found: Identification, labels: Labels) -> dict[str, int]:
    """Return what became of the faces."""
    visible = {
        frame: set(shot.visible)
        for shot in labels.shots
        for frame in range(shot.first, shot.last + 1)
    }
    tally: Counter[str] = Counter(right=0, wrong=0, unnamed=0)
    said: set[tuple[int, str]] = set()
    for face in found.faces:
        if face.id is None:
            tally["unnamed"] += 1
        elif face.id in visible.get(face.frame, set()) and (face.frame, face.id) not in said:
            tally["right"] += 1
        else:
            tally["wrong"] += 1
        if face.id is not None:
            said.add((face.frame, face.id))
    return dict(tally)


def main() -> None:
    """Print one JSON object for each gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("galleries", type=Path, nargs="+")
    parser.add_argument("--cast", default="", help="ids of the title's cast, with commas")
    given = parser.parse_args()
    models, labels = open_models(), read_labels(given.labels)
    cast = [person for person in given.cast.split(",") if person]
    for gallery in given.galleries:
        found = identify(given.film, gallery, models=models, cast=cast)
        print(json.dumps({"gallery": str(gallery), **count(found, labels)}), flush=True)


if __name__ == "__main__":
    main()
