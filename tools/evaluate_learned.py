"""What `library learn` is worth, and whether it makes wrong names: before and after, in one table.

    python -m tools.evaluate_learned LIBRARY GALLERY STRANGERS [--shrink 1 2 3] [--people 300]

For each film of a library that has `labels.json` beside it, faces of its first half are proposed
and all accepted, into a copy of the gallery. Names of the second half, at smaller sizes too, are
counted with both galleries, as are strangers (a folder of people of whom none is in the library)
who get a name. The gallery is what `tvradar library import` made of the library.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge.evaluate.labels import read_labels
from edge.library import identify, open_gallery, open_models
from edge.offline.learn import propose
from edge.titles.found import title_of_file
from edge.video.open import open_source
from gallery.enrol.learned import keep
from gallery.enrol.library import state_folder
from gallery.titles.match import NameIndex
from tools.evaluate_cast import smaller
from tools.evaluate_films import count

if TYPE_CHECKING:
    from engines.pipeline import FacePipeline

TVRADAR = Path(sys.executable).with_name("tvradar")


def films_of(library: Path) -> list[Path]:
    """Return the films with labels."""
    return [next(p.parent.glob("*.mp4")) for p in sorted(library.glob("*/labels.json"))]


def middle(film: Path) -> int:
    """Return the first frame of a film's second half."""
    return read_labels(film.with_name("labels.json")).shots[-1].last // 2


def learned(library: Path, gallery: Path, into: Path, models: FacePipeline) -> dict[str, int]:
    """Make a gallery with the faces of all first halves; return how many each film gave."""
    shutil.copytree(gallery, into, symlinks=True)
    shutil.copytree(state_folder(gallery), state_folder(into))
    known, given = open_gallery(gallery), {}
    for film in films_of(library):
        title = title_of_file(film)
        cast = NameIndex(known.people()).cast_of(title)[0] if title else frozenset()
        found = identify(film, known, models=models, cast=cast)
        faces = [face for face in found.faces if face.frame < middle(film)]
        with open_source(str(film)) as source:
            views = propose(faces, source.pictures(), cast, models, known)
        for view in views:
            keep(into, view.id, view.png)
        given[film.stem] = len(views)
    subprocess.run([TVRADAR, "library", "update", into], check=True, stdout=subprocess.DEVNULL)
    return given


def row(film: Path, by: int, galleries: tuple[Path, Path], models: FacePipeline) -> str:
    """Return a line of the table: the second half of a film at a part of its size."""
    labels = read_labels(film.with_name("labels.json"))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / film.name
        width = smaller(film, by, copy)
        shutil.copy(film.with_name("movie.nfo"), folder)
        counted = []
        for gallery in galleries:
            found = identify(copy, gallery, models=models)
            faces = [(face.frame, face.id) for face in found.faces]
            counted.append(count([one for one in faces if one[0] >= middle(film)], labels))
    was, now = counted
    cells = (film.stem, width, was["right"], now["right"], was["wrong"], now["wrong"])
    return "| " + " | ".join(map(str, cells)) + " |"


def named_strangers(
    strangers: Path, people: int, gallery: Path, models: FacePipeline
) -> tuple[int, int]:
    """Return how many faces of strangers get a name, and how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        for person in sorted(strangers.iterdir())[:people]:
            picture = min(person.iterdir())
            (Path(folder) / f"{person.name}{picture.suffix}").symlink_to(picture.absolute())
        found = identify(folder, gallery, models=models)
    return sum(face.id is not None for face in found.faces), len(found.faces)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--shrink", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--people", type=int, default=300)
    given = parser.parse_args()
    models = open_models()
    with tempfile.TemporaryDirectory() as folder:
        after = Path(folder) / "gallery"
        print("faces learned:", learned(given.library, given.gallery, after, models), flush=True)
        galleries = (given.gallery, after)
        print("| film, second half | width | right before | after | wrong before | after |")
        print("|---|---|---|---|---|---|", flush=True)
        for film in films_of(given.library):
            for by in given.shrink:
                print(row(film, by, galleries, models), flush=True)
        for gallery in galleries:
            named, of = named_strangers(given.strangers, given.people, gallery, models)
            print(f"strangers: {named} of {of} named", flush=True)


if __name__ == "__main__":
    main()
