"""What the cast that a library tells is worth: names on weak faces with it and without.

    python -m tools.evaluate_cast LIBRARY GALLERY [--shrink 1 2 3]

Takes each film of a library that has `labels.json` beside it (`tools/kodi_library.py` writes such
libraries), makes it smaller so that its faces are weaker, and identifies it twice: by the faces
alone, and with the title's NFO beside it. Prints a table of Markdown. The gallery is what `tvradar
library import` made of the library.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from edge.evaluate.labels import read_labels
from edge.library import identify, open_models
from tools.evaluate_films import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.recognise.cues.cue import CueKind

HEAD = (
    "| film | width | faces | right without | with | wrong without | with |\n"
    "|---|---|---|---|---|---|---|"
)
WAYS: tuple[tuple[CueKind, ...], ...] = ((), ("title",))


def smaller(film: Path, by: int, target: Path) -> int:
    """Write a film at a part of its size, frame for frame; return its width."""
    with av.open(str(film)) as source, av.open(str(target), "w") as out:
        video = source.streams.video[0]
        rate = Fraction(video.average_rate or 25)
        made = out.add_stream("libx264", rate=rate)
        made.width, made.height = (video.width // by) // 2 * 2, (video.height // by) // 2 * 2
        made.pix_fmt, made.options = "yuv420p", {"crf": "23", "preset": "fast"}
        for number, frame in enumerate(source.decode(video)):
            small = frame.reformat(made.width, made.height, "yuv420p", interpolation="AREA")
            small.pts, small.time_base = number, 1 / rate
            out.mux(made.encode(small))
        out.mux(made.encode(None))
        return int(made.width)


def rows(library: Path, gallery: Path, shrink: list[int]) -> Iterator[str]:
    """Yield a line of the table for each film and size."""
    models = open_models()
    for labelled in sorted(library.glob("*/labels.json")):
        labels = read_labels(labelled)
        (film,) = labelled.parent.glob("*.mp4")
        for by in shrink:
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / film.name
                width = smaller(film, by, copy)
                shutil.copy(labelled.with_name("movie.nfo"), folder)
                found = [identify(copy, gallery, models=models, cues=way) for way in WAYS]
            alone, told = (
                count([(face.frame, face.id) for face in one.faces], labels) for one in found
            )
            yield (
                f"| {film.stem} | {width} | {sum(told.values())} | {alone['right']} | "
                f"{told['right']} | {alone['wrong']} | {told['wrong']} |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--shrink", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    print(HEAD)
    for row in rows(given.library, given.gallery, given.shrink):
        print(row, flush=True)


if __name__ == "__main__":
    main()
