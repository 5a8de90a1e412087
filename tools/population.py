"""A population in two halves: embeddings of its pictures, composed tracks, templates and probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.openset.composed import compose_tracks, read_sources
from calibration.openset.score_data import ENROLLED, SEED, half_of, two_views
from calibration.pictures.faces import find_pictures
from edge.recognise.template import TrackTemplate
from engines.catalog import default_name, model_identity
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline, unit
from engines.scores.model import score_model
from gallery.enrol.embed import faces_of, largest_face

if TYPE_CHECKING:
    from pathlib import Path


SCORES = score_model(model_identity(default_name("embedder")))


@dataclass(frozen=True)
class Probes:
    """Searches: whose, with what, and what a track lets expect of strangers (nan for pictures).

    Attributes:
        person: str (n,).
        vectors: float32 (n, dimension).
        expected: float64 (n,).
        norms: float64 (n,), of the embeddings before normalisation.
    """

    person: np.ndarray
    vectors: np.ndarray
    expected: np.ndarray
    norms: np.ndarray

    def of(self, rows: np.ndarray) -> Probes:
        """Return some of them."""
        return Probes(self.person[rows], self.vectors[rows], self.expected[rows], self.norms[rows])


@dataclass(frozen=True)
class Half:
    """Some people: names (m,), templates (m, dimension), and probes that are in no template.

    `strangers` are all pictures: who is not in the gallery may be searched with any of them.
    """

    names: np.ndarray
    templates: np.ndarray
    mated: Probes
    strangers: Probes


def embed(roots: list[Path], keep: Path, *, quick: bool) -> dict[str, np.ndarray]:
    """Return the largest face of each picture; embedded once."""
    if not keep.exists():
        pipeline = load_pipeline(threads=1, precision="fp32")
        rows = []
        for picture in (p for root in roots for p in find_pictures(root)):
            found = (quick_views if quick else all_views)(pipeline, read_picture(picture.path))
            if found is not None:
                rows.append((picture.person, str(picture.path), *found))
        person, path, vectors, norms = zip(*rows, strict=True)
        np.savez(keep, person=person, path=path, vec=np.stack(vectors), norm=norms)
    with np.load(keep) as kept:
        return {name: kept[name] for name in ("person", "path", "vec", "norm")}


def all_views(pipeline: FacePipeline, bgr: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return the largest face as `identify` embeds it, (dimension,), and its norm."""
    face = largest_face(pipeline, bgr)
    return None if face is None else (face[0].vectors[0], float(face[0].norms[0]))


def quick_views(pipeline: FacePipeline, bgr: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return the same without zooms and grey views."""
    found, searched = faces_of(pipeline, bgr)
    if not len(found):
        return None
    return two_views(pipeline, searched, found[[0]])


def compose(roots: list[Path], keep: Path, each: int) -> None:
    """Compose tracks of each person's pictures that are not enrolled, or of the only one."""
    pipeline = load_pipeline(threads=1, precision="fp32")
    pictures: dict[str, list] = {}
    for picture in (p for root in roots for p in find_pictures(root)):
        pictures.setdefault(picture.person, []).append(picture)
    rest = [p for of in pictures.values() for p in of[max(1, min(ENROLLED, len(of) - 1)) :] or of]
    sources = read_sources(pipeline.detector, rest)
    people = sorted({s.person for s in sources})
    found = compose_tracks(sources, people * each, pipeline, SEED)
    columns = ("people", "vectors", "norms", "overall", "side_px")
    np.savez(keep, **{name: getattr(found, name) for name in columns})


def track_templates(path: Path, shots: int = 1) -> tuple[np.ndarray, list[list[TrackTemplate]]]:
    """Return whose each composed track is, and its templates as `identify` makes them.

    Args:
        path: what `compose` made.
        shots: cut each track into this many, one after the other.
    """
    with np.load(path) as kept:
        people, vectors, norms, overall = (
            kept[k] for k in ("people", "vectors", "norms", "overall")
        )
    found = []
    for i in range(len(people)):
        templates = [TrackTemplate(SCORES) for _ in range(shots)]
        for k in range(vectors.shape[1]):
            templates[k * shots // vectors.shape[1]].add(
                vectors[i, k], float(norms[i, k]), float(overall[i, k]), k / 8
            )
        found.append(templates)
    return people, found


def read_tracks(path: Path) -> Probes:
    """Return the tracks' templates as `identify` makes them."""
    people, found = track_templates(path)
    templates = [template for (template,) in found]
    return Probes(
        people,
        np.stack([t.overall() for t in templates]),
        np.array([t.impostor_mean() for t in templates]),
        np.array([t.norm() for t in templates]),
    )


def halves(faces: dict[str, np.ndarray], tracks: Probes | None) -> list[Half]:
    """Return the two halves; with tracks, these are the probes instead of pictures."""
    found = []
    for side in (0, 1):
        names = np.array([p for p in np.unique(faces["person"]) if half_of(p) == side])
        templates, mated, every, several = [], [], [], set()
        for name in names:
            rows = np.flatnonzero(faces["person"] == name)
            enrolled = rows[: max(1, min(ENROLLED, len(rows) - 1))]
            templates.append(unit(faces["vec"][enrolled].sum(axis=0)))
            mated += list(rows[len(enrolled) :])
            every += list(rows)
            several |= {name} if len(rows) > 1 else set()
        if tracks is None:
            stills = Probes(
                faces["person"], faces["vec"], np.full(len(faces["vec"]), np.nan), faces["norm"]
            )
            probes = stills.of(np.array(mated)), stills.of(np.array(every))
        else:
            here = np.isin(tracks.person, names)
            again = here & np.isin(tracks.person, sorted(several))
            probes = tracks.of(np.flatnonzero(again)), tracks.of(np.flatnonzero(here))
        found.append(Half(names, np.stack(templates), *probes))
    return found


def alike_of(half: Half, same: set[frozenset[str]]) -> np.ndarray:
    """Return cosines of enrolled people float32 (m, m); of people who are one person to us, -1."""
    nothing = np.zeros(len(half.names))
    return scores_of(Probes(half.names, half.templates, nothing, nothing), half, same)


def scores_of(probes: Probes, half: Half, same: set[frozenset[str]]) -> np.ndarray:
    """Return cosines float32 (n, people); of people who are one person to us, -1."""
    scores = probes.vectors @ half.templates.T
    place = {name: k for k, name in enumerate(half.names)}
    for pair in same:
        for a, b in (sorted(pair), sorted(pair, reverse=True)):
            if b in place:
                scores[probes.person == a, place[b]] = -1
    return scores
