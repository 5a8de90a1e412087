"""Fill a gallery up with other people, to measure with as many as a device may hold.

    python tools/fill_gallery.py GALLERY 10000 -o filled
    python tools/fill_gallery.py GALLERY 1003 -o filled --real FILE.npz

The people of GALLERY stay as they are; the others are templates with the score statistics of real
faces (`edge/bench/synthetic.py`) and say so in their names, or real people whom
tools/evaluate_population.py embedded, drawn from those of the Labeled Faces in the Wild.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edge.bench.synthetic import SyntheticFaces
from engines.pipeline import unit
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery


def fill(source: Path, people: int, target: Path, real: Path | None = None) -> None:
    """Write a gallery of this many people, those of `source` among them."""
    gallery = open_gallery(source)
    known = [gallery.person(person) for person in gallery.ids()]
    templates = [gallery.templates_of(person.id) for person in known]
    owners = np.repeat(np.arange(len(known)), [len(rows) for rows in templates])
    missing = max(people - len(known), 0)
    if real is None:
        faces = SyntheticFaces(gallery.dim)
        made = faces.pictures(faces.identities(missing), 0)
        strangers = [Person(f"synthetic-{i}", {"en": f"Synthetic {i}"}) for i in range(missing)]
    else:
        names, made = real_people(real, missing, {person.id for person in known})
        strangers = [Person(f"real-{name}", {"en": name}) for name in names]
    create_gallery(
        target,
        known + strangers,
        np.concatenate([*templates, made]),
        np.concatenate([owners, len(known) + np.arange(missing)]).astype(np.int32),
        gallery.model,
    )


def real_people(embedded: Path, count: int, but: set[str]) -> tuple[list[str], np.ndarray]:
    """Return names and templates, float32 (count, dimension), of people of LFW."""
    with np.load(embedded) as kept:
        person, path, vectors = kept["person"], kept["path"], kept["vec"]
    ours = np.array([Path(p).parent.parent.name == "lfw" for p in path.tolist()])
    names = np.setdiff1d(np.unique(person[ours]), sorted(but))
    drawn = sorted(np.random.default_rng(0).choice(names, count, replace=False).tolist())
    return drawn, np.stack([unit(vectors[ours & (person == name)].sum(axis=0)) for name in drawn])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("people", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--real", type=Path, help="embedded pictures")
    words = parser.parse_args()
    fill(words.gallery, words.people, words.output, words.real)
    print(f"{words.output}: {open_gallery(words.output).people_count} people")


if __name__ == "__main__":
    main()
