"""How many faces of a labelled film `identify` names rightly, wrongly and not at all.

    python tools/evaluate_films.py FILM.mp4 LABELS.json GALLERY [GALLERY ...]

A name is right when the labels say that the person is visible in that frame and nobody else in it
has the name (docs/accuracy.md has their form); where in the frame somebody is they do not say.
`tools/fill_gallery.py --real` makes a gallery of a cast and 1,000 other people.

`--works` gives the people of each gallery composed works, six each of up to five people, and:
`right`, all whom the labels name act in one more together; `wrong`, two of them act in one with ten
others, and none of the rest does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.evaluate.labels import Labels, read_labels
from edge.hindsight.late_names import LateNames
from edge.hindsight.recent import RecentTracks
from edge.library import identify, open_models
from edge.recognise.cues.belief import faces_llr
from edge.recognise.cues.cue import CueBoard, parse_kinds
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.thresholds import Thresholds
from edge.titles.playing import NowPlaying
from edge.video.open import open_source
from edge.video.source import SourceOptions
from edge.voices.of_file import open_voices
from gallery.search.open import open_gallery
from gallery.store.person import Work
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.offline.summary import IdentifiedFace
    from edge.recognise.cues.cue import CueKind
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


def live(
    film: Path,
    gallery: Gallery,
    models: FacePipeline,
    kinds: frozenset[CueKind],
    *,
    late: bool,
    folder: Path | None = None,
) -> Iterator[tuple[int, str | None, bool]]:
    """Yield each face as `run` would show it, if it missed no frame.

    Its frame, its name, and whether it is turned away.

    A title is supposed at each frame, captions are not read, voices are those beside the gallery's
    `folder`. Names that come `late` are given to
    the faces of a track that had none, as "only watch this person" has them.
    """
    board = CueBoard(kinds)
    playing = NowPlaying(board, lambda: gallery)
    options = RecogniserOptions(body="body" in kinds)
    thresholds = Thresholds(options.fpir)
    recogniser = Recogniser(models, lambda: gallery, options, thresholds, cues=board)
    recent, names = RecentTracks(), LateNames(thresholds.prepare, board.supposed)
    best: dict[str, float] = {}
    faces: list[tuple[int, int, str | None, bool]] = []
    told: dict[int, str | None] = {}
    spent_ms: list[float] = []
    with open_source(str(film), options=SourceOptions(sound="voice" in kinds)) as source:
        voices = open_voices(board, gallery, folder, source)
        for frame in source:
            if voices:
                voices.look(frame)
            step = recogniser.process(frame)
            scene = step.scene
            tracks = recent.take(step) if late else None
            if tracks:
                begun = time.thread_time()
                told |= {n: d.id for n, d in names.decide(tracks, gallery).items()}
                spent_ms.append(1000 * (time.thread_time() - begun))
            for person, llr in faces_llr((face.id, face.cues) for face in scene.faces).items():
                best[person] = max(llr, best.get(person, llr))
            playing.suppose(best)
            faces += ((f.track, frame.index, f.id, f.away_s > 0) for f in scene.faces)
    if spent_ms:
        most, median = max(spent_ms), float(np.median(spent_ms))
        print(f"CPU of a look back: median {median:.1f}, at most {most:.1f} ms", file=sys.stderr)
    yield from ((frame, name or told.get(track), away) for track, frame, name, away in faces)


def count(faces: list[tuple[int, str | None, bool]], labels: Labels) -> dict[str, int]:
    """Return what became of the faces; those that are turned away are among the others."""
    visible = {
        frame: set(shot.visible)
        for shot in labels.shots
        for frame in range(shot.first, shot.last + 1)
    }
    tally: Counter[str] = Counter(right=0, wrong=0, unnamed=0)
    said: set[tuple[int, str]] = set()
    for frame, person, away in faces:
        if person is None:
            tally["unnamed"] += 1
            continue
        right = person in visible.get(frame, set()) and (frame, person) not in said
        tally["right" if right else "wrong"] += 1
        if away:
            tally["away, right" if right else "away, wrong"] += 1
        said.add((frame, person))
    return dict(tally)


def is_away(face: IdentifiedFace) -> bool:
    """Return whether a face of a film is turned away: clothes then take from its name."""
    return any(spoke.kind == "body" and spoke.llr < 0 for spoke in face.cues)


def with_works(source: Path, target: Path, shown: list[str], *, right: bool) -> None:
    """Write a gallery whose people have composed works; see above."""
    gallery = open_gallery(source)
    random = np.random.default_rng(0)
    people = [gallery.person(person) for person in gallery.ids()]
    ids = [person.id for person in people]
    works: dict[str, list[Work]] = {person: [] for person in ids}
    for number in range(len(ids) * 6 // 5):
        for person in random.choice(ids, min(5, len(ids)), replace=False).tolist():
            works[person].append(Work(f"Film {number}", 1990))
    others = [person for person in ids if person not in shown]
    wrong = [*shown[:2], *random.choice(others, min(10, len(others)), replace=False).tolist()]
    for person in shown if right else wrong:
        works[person].append(Work("The film", 2000))
    templates = [gallery.templates_of(person) for person in ids]
    create_gallery(
        target,
        [msgspec.structs.replace(person, works=tuple(works[person.id])) for person in people],
        np.concatenate(templates),
        np.repeat(np.arange(len(ids)), [len(rows) for rows in templates]).astype(np.int32),
        gallery.model,
    )


def main() -> None:
    """Print one JSON object for each gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("galleries", type=Path, nargs="+")
    parser.add_argument("--cast", default="", help="ids of the title's cast, with commas")
    parser.add_argument("--works", choices=("right", "wrong"))
    parser.add_argument("--cues", default="title", help="none, all or a list with commas")
    parser.add_argument("--live", action="store_true", help="name each frame without hindsight")
    parser.add_argument("--late", action="store_true", help="with --live, names that come late too")
    parser.add_argument("--every-frame", action="store_true", help="not moment by moment")
    given = parser.parse_args()
    models, labels = open_models(), read_labels(given.labels)
    cast = [person for person in given.cast.split(",") if person]
    for gallery in given.galleries:
        with TemporaryDirectory() as folder:
            opened = gallery
            if given.works:
                opened = Path(folder) / "works"
                shown = sorted({person for shot in labels.shots for person in shot.visible})
                with_works(gallery, opened, shown, right=given.works == "right")
            kinds = parse_kinds(given.cues)
            if given.live:
                people = open_gallery(opened, models.model)
                seen = live(given.film, people, models, kinds, late=given.late, folder=opened)
                faces = list(seen)
            else:
                found = identify(
                    given.film,
                    opened,
                    models=models,
                    cast=cast,
                    cues=kinds,
                    every_frame=given.every_frame,
                )
                faces = [(face.frame, face.id, is_away(face)) for face in found.faces]
        print(json.dumps({"gallery": str(gallery), **count(faces, labels)}), flush=True)


if __name__ == "__main__":
    main()
