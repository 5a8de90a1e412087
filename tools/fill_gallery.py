"""Fill a gallery up with synthetic people, to measure with as many as a device may hold.

    python tools/fill_gallery.py GALLERY 10000 -o filled

The people of GALLERY stay as they are; the others are templates with the score statistics of real
faces (`edge/bench/synthetic.py`) and say so in their names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edge.bench.synthetic import SyntheticFaces
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery


def fill(source: Path, people: int, target: Path) -> None:
    """Write a gallery of so many people, those of `source` among them."""
    gallery = open_gallery(source)
    known = [gallery.person(person) for person in gallery.ids()]
    templates = [gallery.templates_of(person.id) for person in known]
    owners = np.repeat(np.arange(len(known)), [len(rows) for rows in templates])
    missing = max(people - len(known), 0)
    faces = SyntheticFaces(gallery.dim)
    made = faces.pictures(faces.identities(missing), 0)
    strangers = [Person(f"synthetic-{i}", {"en": f"Synthetic {i}"}) for i in range(missing)]
    create_gallery(
        target,
        known + strangers,
        np.concatenate([*templates, made]),
        np.concatenate([owners, len(known) + np.arange(missing)]).astype(np.int32),
        gallery.model,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("people", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    words = parser.parse_args()
    fill(words.gallery, words.people, words.output)
    print(f"{words.output}: {open_gallery(words.output).people_count} people")


if __name__ == "__main__":
    main()
