"""What it costs to decide a film of very many tracks: joining them, searching, naming.

    python tools/many_tracks.py --tracks 1000 3000 10000

A cast of sixty, some of them seen much more often than others, is enrolled among other people; one
track in ten is of somebody who comes once. Each track has two to eight made templates
(`edge.bench.synthetic`) as views, which share a part of what differs from the person's own; one in
five is too poor to be compared; shots have one to three tracks. `--one-face` makes all tracks but
one in ten one person's, `--repeat` makes a short film that runs again and again. Tracks lie on the
disk, as those of `identify` do. Prints one JSON object for each number: seconds of processor time
(for joining alone, and for all), the growth of the largest resident memory, how many groups there
were, and a checksum of all that was decided.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.bench.synthetic import SyntheticFaces
from edge.hindsight.join_tracks import FinishedTrack, decide_film, join
from edge.offline.track_file import TrackFile
from edge.recognise.decide import Claim
from edge.recognise.search import search
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import policy_for
from engines.pipeline import unit
from engines.scores.model import score_model
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gallery.search.search import Gallery

MODEL = "sface-2021dec"
SCORES = score_model(MODEL)
FACES = SyntheticFaces(128)
CAST, ENROLLED = 60, 1000
ONCE, POOR = 0.1, 0.2
SHARED = 0.5
"""Of what differs between a view and its person, the part that all views of a track share."""


def people(count: int, chance: np.random.Generator, *, one_face: bool) -> NDArray[np.int64]:
    """Return whose each track is, int64 (count,); from `ENROLLED` on they are nobody's."""
    weight = np.zeros(CAST) if one_face else 1 / np.arange(1, CAST + 1)
    weight[0] = 1
    whose = chance.choice(CAST, count, p=weight / weight.sum())
    once = chance.random(count) < ONCE
    whose[once] = ENROLLED + np.arange(int(once.sum()))
    return whose


def made(
    whose: NDArray[np.int64], identities: NDArray[np.float32], chance: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Yield each track's views, float32 (n, 128), unit length, and the norm of its embeddings."""
    for number, person in enumerate(whose):
        both = np.repeat(identities[[person]], 9, axis=0)
        pictures = FACES.pictures(both, number + 1)
        views = unit(SHARED * pictures[:1] + (1 - SHARED) * pictures[1:])
        norm = 7.0 if chance.random() < POOR else float(chance.uniform(9.5, 13.0))
        yield views[: chance.integers(2, 9)], norm


def film(count: int, gallery: Gallery, *, one_face: bool, repeat: int) -> TrackFile:
    """Return the tracks of a film; from the one numbered `repeat` on it begins again."""
    chance = np.random.default_rng(count)
    first = min(repeat, count) if repeat else count
    whose = people(first, chance, one_face=one_face)
    identities = FACES.identities(ENROLLED + first)
    tracks = list(made(whose, identities, chance))
    kept, at, shot = TrackFile(), 0, 0
    while at < count:
        numbers = range(at, min(count, at + int(chance.integers(1, 4))))
        shown = {int(whose[n % first]): n for n in numbers}  # nobody is there twice
        kept.add(shot, [_track(n, *tracks[n % first], shown, gallery) for n in shown.values()])
        at, shot = numbers.stop, shot + 1
    return kept


def _track(
    number: int,
    views: NDArray[np.float32],
    norm: float,
    shown: dict[int, int],
    gallery: Gallery,
) -> FinishedTrack:
    template = TrackTemplate(SCORES)
    for i, view in enumerate(views):
        template.add(view, norm, 0.5, 0.2 * i)
    found = search(gallery, template.overall()[None])[0]
    claim = Claim(number, found, 90, 0.1, 0.1, norm, None, template.impostor_mean())
    return FinishedTrack(claim, template, frozenset(shown.values()) - {number})


def made_gallery(folder: Path) -> Gallery:
    """Return an opened gallery of `ENROLLED` people."""
    names = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(ENROLLED)]
    templates = FACES.pictures(FACES.identities(ENROLLED), 0)
    create_gallery(folder, names, templates, np.arange(ENROLLED, dtype=np.int32), MODEL)
    return open_gallery(folder)


def peak_mb() -> float:
    """Return the largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--one-face", action="store_true")
    parser.add_argument("--repeat", type=int, default=0, metavar="TRACKS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gallery = made_gallery(Path(folder))
        policy = policy_for(gallery, 0.003, stills=False)
        for count in given.tracks:
            tracks = film(count, gallery, one_face=given.one_face, repeat=given.repeat)
            before_mb, begin = peak_mb(), time.process_time()
            groups = join(tracks)
            joined = time.process_time()
            found = decide_film(tracks, gallery, policy)
            end = time.process_time()
            told = {
                "tracks": len(tracks),
                "groups": len(groups),
                "named": sum(d.id is not None for d in found.values()),
                "join_s": round(joined - begin, 2),
                "decide_film_s": round(end - joined, 2),
                "grown_mb": round(peak_mb() - before_mb, 1),
                "crc": zlib.crc32(repr((groups, sorted(found.items()))).encode()),
            }
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
