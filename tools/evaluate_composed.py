"""The promise of false names, and ways to sum up a track, on composed tracks of real people.

Every track is once a stranger's (its person is left out of the gallery) and once a known person's.
Galleries are filled up with synthetic templates that have the real templates' score statistics.
What constants do on people whom they were not learned from is measured by learning them again. The
shipped ones are of a larger population: `tools/evaluate_population.py`. See docs/accuracy.md.

    python tools/evaluate_composed.py PEOPLE_DIR [MORE_PEOPLE ...] --tracks 3120 --keep FOLDER

What was composed before into the same folder is used again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration.openset.composed import ComposedTracks, compose_tracks, read_sources
from calibration.openset.held_out import Filled, TrackSearches, held_out_rates, learn
from calibration.pictures.faces import find_pictures
from edge.bench.synthetic import SyntheticFaces
from edge.recognise.template import TrackTemplate
from engines.catalog import default_name, model_identity
from engines.pipeline import load_pipeline, unit
from engines.scores.model import score_model
from engines.scores.probability import CosineModel, reliability

if TYPE_CHECKING:
    from collections.abc import Callable

SCORES = score_model(model_identity(default_name("embedder")))
ENROLLED_PICTURES = 3
FPIR = 0.003
SIZES = (12, 1000, 100_000)
REAL = 12
"""This many of a gallery's people are real, at most."""
BLOCK = 10_000
SPREADS: dict[str, Callable[[np.ndarray], float]] = {
    "sd": lambda scores: float(scores.std()),
    "q99": lambda scores: float(np.quantile(scores, 0.99)),
    "q999": lambda scores: float(np.quantile(scores, 0.999)),
}
"""What of real scores the synthetic templates can be made to have, beside the mean."""
TEACH = (5, 9, 13)
"""This many people are learned from; up to 12 others are in the gallery; others are searched."""
POPULATIONS = 12
"""A rate in a large gallery hangs on who is in it: this many galleries are filled."""


def make(root: Path, tracks: int, seed: int, keep: Path) -> None:
    """Compose, embed and keep the tracks, and the templates of the enrolled pictures."""
    pipeline = load_pipeline(threads=1, precision="fp32")
    sources = read_sources(pipeline.detector, find_pictures(root))
    names = sorted({s.person for s in sources})
    enrolled = {n: [s for s in sources if s.person == n][:ENROLLED_PICTURES] for n in names}
    used = {s.sha256 for group in enrolled.values() for s in group}
    templates = [
        unit(np.sum([pipeline.still_of(s.bgr, s.faces).vectors[0] for s in enrolled[n]], axis=0))
        for n in names
    ]
    rest = [s for s in sources if s.sha256 not in used]
    casting = [names[i % len(names)] for i in range(tracks)]
    found = compose_tracks(rest, casting, pipeline, seed)
    np.savez(
        keep,
        people=found.people,
        vectors=found.vectors,
        norms=found.norms,
        overall=found.overall,
        side=found.side_px,
        tem=np.stack(templates),
        names=names,
    )


def read(paths: list[Path]) -> tuple[ComposedTracks, np.ndarray, list[str]]:
    """Return kept tracks, templates float32 (people, dimension), and the people's names."""
    files = [np.load(p) for p in paths]
    keys = ("people", "vectors", "norms", "overall", "side")
    tracks = ComposedTracks(*(np.concatenate([f[k] for f in files]) for k in keys))
    templates = {name: t for f in files for name, t in zip(f["names"], f["tem"], strict=True)}
    return tracks, np.stack([*templates.values()]), [*templates]


def summed_up(tracks: ComposedTracks) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return each way's probes, float32 (n, dimension), and the weights of the faces, (n, f)."""
    best = tracks.overall.argmax(axis=1)
    found: list[np.ndarray] = []
    weights = []
    for i in range(len(tracks)):
        template = TrackTemplate(SCORES)
        for k in range(tracks.vectors.shape[1]):
            template.add(
                tracks.vectors[i, k], float(tracks.norms[i, k]), float(tracks.overall[i, k]), k / 8
            )
        found.append(template.overall())
        weights.append(np.array(template.qualities) / np.sum(template.qualities))
    ways = {
        "single best frame": tracks.vectors[np.arange(len(tracks)), best],
        "plain mean": unit(tracks.vectors.mean(axis=1)),
        "quality-weighted template": np.stack(found),
    }
    return ways, np.stack(weights)


def vote(
    tracks: ComposedTracks, gallery: np.ndarray, absent: np.ndarray | None = None
) -> np.ndarray:
    """Return (n, people): each face votes by its area; the winner has its area-weighted score.

    `absent` is who is left out of the gallery for each track: who is not there cannot take votes.
    """
    scores = tracks.vectors @ gallery.T
    if absent is not None:
        scores[np.arange(len(tracks)), :, absent] = -1.0
    area = tracks.side_px**2
    winner = scores.argmax(axis=2)
    share = np.stack(
        [np.where(winner == p, area, 0).sum(axis=1) for p in range(len(gallery))], axis=1
    )
    area_mean = (scores * area[..., None]).sum(axis=1) / area.sum(axis=1)[:, None]
    return np.where(share == share.max(axis=1, keepdims=True), area_mean, -1.0)


def by_person(values: np.ndarray, people: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean, resampled by person."""
    rng = np.random.default_rng(seed)
    groups = [values[people == p] for p in np.unique(people)]
    sums = np.array([g.sum() for g in groups])
    counts = np.array([len(g) for g in groups])
    drawn = rng.integers(0, len(groups), (4000, len(groups)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return float(low), float(high)


class Fillers:
    """Synthetic templates that meet real faces as real templates do.

    They lie along the principal axes of the faces. How much of the shared direction they have and
    how flat their spectrum is are searched for, so that the cosines' mean and how they spread are
    the wanted ones.

    Args:
        real: float32 (n, dimension), the faces.
        scores: their cosines with real templates of other people.
        match: the measure of spread, a key of `SPREADS`.
    """

    def __init__(self, real: np.ndarray, scores: np.ndarray, match: str) -> None:
        spread = SPREADS[match]
        wanted = float(scores.mean()), spread(scores)
        self._theirs = np.linalg.svd(real, full_matrices=False)[2]
        self._shared = float((real @ self._theirs[0]).mean())
        made = self._turned(20_000, 0)[:3000]

        def miss(at: tuple[float, float]) -> float:
            cosines = real[::9] @ self._shaped(made, *at).T
            return abs(float(cosines.mean()) - wanted[0]) + abs(spread(cosines) - wanted[1])

        self._at = (1.0, 0.0)
        for step in (0.1, 0.01):
            near = np.arange(-8, 9) * step
            self._at = min(
                ((self._at[0] + a, self._at[1] + b) for a in near for b in near), key=miss
            )

    def population(self, count: int, number: int) -> np.ndarray:
        """Return templates, float32 (count, dimension); another number, others."""
        return self._shaped(self._turned(count, number), *self._at)

    def _turned(self, count: int, number: int) -> np.ndarray:
        faces = SyntheticFaces(len(self._theirs), seed=3 + number)
        made = faces.pictures(faces.identities(count), 0)
        turned = made @ np.linalg.svd(made[:20_000], full_matrices=False)[2].T
        turned[:, 0] *= np.sign(turned[:, 0].mean()) * np.sign(self._shared)
        return turned

    def _shaped(self, turned: np.ndarray, shared: float, flat: float) -> np.ndarray:
        scaled = turned * np.arange(1, turned.shape[1] + 1, dtype=np.float32) ** flat
        scaled[:, 0] = turned[:, 0] * shared
        return unit(scaled @ self._theirs)


def filled_galleries(probes: np.ndarray, fillers: Fillers, real: int) -> dict[int, Filled]:
    """Return the best cosines of all probes in galleries filled up beyond this many real people."""
    sizes = [size for size in SIZES if size > real]
    found: dict[int, list[np.ndarray]] = {size: [] for size in sizes}
    for number in range(POPULATIONS):
        population = fillers.population(max(SIZES) - real, number)
        best, done = np.full(len(probes), -1.0, np.float32), 0
        for size in sizes:
            for start in range(done, size - real, BLOCK):
                block = population[start : min(start + BLOCK, size - real)]
                best = np.maximum(best, (probes @ block.T).max(axis=1))
            done = size - real
            found[size].append(best)
    return {size: Filled(size, np.stack(best)) for size, best in found.items()}


def held_out(searches: TrackSearches, filled: dict[int, Filled]) -> dict[str, object]:
    """Return the rates on people whom the constants were not learned from."""
    found: dict[str, object] = {
        "learned_from_all": asdict(learn(searches, np.unique(searches.truth), SCORES))
    }
    people = searches.faces.shape[2]
    for teach in TEACH:
        real = min(REAL, people - teach - 1)
        asked = [(size, fpir) for size in (real, *filled) for fpir in (FPIR, 0.01)]
        cases = [(fpir, filled.get(size)) for size, fpir in asked]
        rates_of = held_out_rates(searches, teach, real, cases, SCORES)
        for (size, fpir), rates in zip(asked, rates_of, strict=True):
            found[f"{teach}_teach_gallery_{size}_at_{fpir}"] = [
                float(rates.mean()),
                *by_person(rates, np.arange(people)),
            ]
    return found


def baselines(
    tracks: ComposedTracks, ways: dict[str, np.ndarray], truth: np.ndarray, templates: np.ndarray
) -> dict[str, object]:
    """Return TPIR at the rate, the threshold of each way set on its own strangers."""
    rows = np.arange(len(tracks))
    found: dict[str, object] = {}
    named: dict[str, np.ndarray] = {}
    scored = {name: (probes @ templates.T,) * 2 for name, probes in ways.items()}
    scored["area-weighted vote"] = vote(tracks, templates), vote(tracks, templates, truth)
    for name, (scores, without) in scored.items():
        own = scores[rows, truth]
        others, strangers = scores.copy(), without.copy()
        others[rows, truth] = strangers[rows, truth] = -1.0
        right = own > others.max(axis=1)
        best = strangers.max(axis=1)
        threshold = float(np.sort(best)[::-1][int(FPIR * len(best))])
        named[name] = (right & (own > threshold)).astype(float)
        found[name] = {
            "rank1": float(right.mean()),
            "tpir": float(named[name].mean()),
            "interval": by_person(named[name], tracks.people),
            "threshold": threshold,
        }
    ours = named["quality-weighted template"]
    gains = {
        name: [float((ours - other).mean()), *by_person(ours - other, tracks.people)]
        for name, other in named.items()
        if other is not ours
    }
    return {"ways": found, "template_gains": gains}


def calibrated(probes: np.ndarray, truth: np.ndarray, templates: np.ndarray) -> dict[str, object]:
    """Return the error of the names' probabilities on people that they were not fitted to.

    The score model is fitted to the tracks of one half of the people and measured on those of the
    other, and the other way round; 12 people in the gallery, each track once without its person.
    """
    rng = np.random.default_rng(6)
    scores = probes @ templates.T
    order = rng.permutation(len(templates))
    found: dict[str, object] = {}
    for number, (fitted, held) in enumerate(((0, 1), (1, 0))):
        fit = np.isin(truth, order[fitted::2])
        own = scores[fit, truth[fit]]
        off = np.ones(scores.shape, bool)
        off[np.arange(len(scores)), truth] = False
        strangers = scores[fit][off[fit]]
        model = CosineModel(
            float(own.mean()), float(own.std()), float(strangers.mean()), float(strangers.std())
        )
        probabilities, right = [], []
        for i in np.flatnonzero(np.isin(truth, order[held::2])):
            others = rng.permutation(np.delete(np.arange(len(templates)), truth[i]))[:12]
            for gallery in (np.append(others[:11], truth[i]), others):
                best = gallery[int(np.argmax(scores[i, gallery]))]
                probabilities.append(model.probability(float(scores[i, best]), len(gallery)))
                right.append(best == truth[i])
        error, bins = reliability(np.array(probabilities), np.array(right))
        found[f"half_{number}"] = {
            "ece": error,
            "model": asdict(model),
            "bins": [*map(asdict, bins)],
        }
    return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path, nargs="+", help="folders with a folder per person")
    parser.add_argument("--tracks", type=int, default=3120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, required=True, help="folder for composed tracks")
    parser.add_argument(
        "--match", choices=SPREADS, default="q99", help="of real scores, beside the mean"
    )
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    counts = [sum(folder.is_dir() for folder in root.iterdir()) for root in given.people]
    kept = [given.keep / f"{root.resolve().parent.name}-{root.name}.npz" for root in given.people]
    for number, (root, count, path) in enumerate(zip(given.people, counts, kept, strict=True)):
        if not path.exists():
            make(root, given.tracks * count // sum(counts), given.seed + number, path)
    tracks, templates, names = read(kept)
    needed = int(np.ceil(3 / FPIR))
    if len(tracks) < needed:
        raise SystemExit(f"{len(tracks)} searches of strangers; a rate of {FPIR} needs {needed}")
    truth = np.array([names.index(p) for p in tracks.people])
    ways, weights = summed_up(tracks)
    probes = ways["quality-weighted template"]
    off = np.ones((len(tracks), len(names)), bool)
    off[np.arange(len(tracks)), truth] = False
    scores = probes @ templates.T
    fillers = Fillers(probes, scores[off], given.match)
    filled = filled_galleries(probes, fillers, REAL)
    length = np.linalg.norm((tracks.vectors * weights[..., None]).sum(axis=1), axis=1)
    faces = tracks.vectors @ templates.T
    searches = TrackSearches(truth, faces, tracks.norms.astype(float), weights, length)
    synthetic = (probes[::9] @ fillers.population(20_000, 0)[:3000].T).ravel()
    print(
        json.dumps(
            {
                "composed": True,
                "tracks": len(tracks),
                "people": len(names),
                "impostors": {
                    kind: {
                        "mean": float(s.mean()),
                        **{name: spread(s) for name, spread in SPREADS.items()},
                    }
                    for kind, s in (("real", scores[off]), ("synthetic", synthetic))
                },
                "held_out": held_out(searches, filled),
                **baselines(tracks, ways, truth, templates),
                "probability": calibrated(probes, truth, templates),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
