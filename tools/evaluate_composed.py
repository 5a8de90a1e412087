"""The promise of false names, and ways to sum up a track, on composed tracks of real people.

Every track is once a stranger's (its person is left out of the gallery) and once a known person's.
Galleries are filled up with synthetic templates that have the real templates' score statistics.
The constants under test are those shipped, learned from the same people; what such constants do on
people whom they were not learned from is measured by learning them anew. See docs/accuracy.md.

    python tools/evaluate_composed.py PEOPLE_DIR --tracks 2160 --keep tracks.npz
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from calibration.composed import ComposedTracks, compose_tracks, read_sources
from calibration.faces import find_pictures
from calibration.held_out import TrackSearches, held_out_rates, learn
from calibration.probability import ScoreModel, reliability
from calibration.threshold import LOWEST, PRIOR_MEAN, ImpostorModel, threshold_for
from edge.recognise.template import TrackTemplate
from engines.faces import load_pipeline, unit
from gallery.synthetic import SyntheticFaces

ENROLLED_PICTURES = 3
FPIR = 0.003
SIZES = (12, 1000, 100_000)
BLOCK = 10_000
HELD_OUT = ((5, 12), (9, 8), (12, 5))
"""People learned from, and people in the gallery, all of them others."""


def make(root: Path, tracks: int, seed: int, keep: Path) -> None:
    """Compose, embed and keep the tracks, and the templates of the enrolled pictures."""
    pipeline = load_pipeline(threads=1, precision="fp32")
    sources = read_sources(pipeline.detector, find_pictures(root))
    names = sorted({s.person for s in sources})
    enrolled = {n: [s for s in sources if s.person == n][:ENROLLED_PICTURES] for n in names}
    used = {s.sha256 for group in enrolled.values() for s in group}
    templates = [
        unit(np.sum([pipeline.embed_views(s.bgr, s.landmarks_px)[0] for s in enrolled[n]], axis=0))
        for n in names
    ]
    rest = [s for s in sources if s.sha256 not in used]
    casting = [names[i % len(names)] for i in range(tracks)]
    found = compose_tracks(rest, casting, pipeline.embedder, seed)
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
    return tracks, files[0]["tem"], list(files[0]["names"])


def summed_up(tracks: ComposedTracks) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return each way's probes, float32 (n, dimension), and what is known of the templates.

    That is what they expect of strangers, (n,), and the weights of their faces, (n, f).
    """
    best = tracks.overall.argmax(axis=1)
    found: list[np.ndarray] = []
    strangers, weights = [], []
    for i in range(len(tracks)):
        template = TrackTemplate()
        for k in range(tracks.vectors.shape[1]):
            template.add(
                tracks.vectors[i, k], float(tracks.norms[i, k]), float(tracks.overall[i, k]), k / 8
            )
        found.append(template.overall())
        strangers.append(template.strangers())
        weights.append(np.array(template.qualities) / np.sum(template.qualities))
    ways = {
        "single best frame": tracks.vectors[np.arange(len(tracks)), best],
        "plain mean": unit(tracks.vectors.mean(axis=1)),
        "quality-weighted template": np.stack(found),
    }
    return ways, np.array(strangers), np.stack(weights)


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


def fillers(
    count: int, real: np.ndarray, wanted: tuple[float, float]
) -> tuple[np.ndarray, dict[str, float]]:
    """Return synthetic templates that meet `real` faces as real templates do.

    They lie along the principal axes of the faces. How much of the shared direction they have and
    how flat their spectrum is are searched for, so that mean and deviation of the cosines are the
    wanted ones.
    """
    faces = SyntheticFaces(real.shape[1], seed=3)
    made = faces.pictures(faces.identities(count), 0)
    own, theirs = (np.linalg.svd(x, full_matrices=False)[2] for x in (made[:20_000], real))
    turned = made @ own.T
    turned[:, 0] *= np.sign(turned[:, 0].mean()) * np.sign((real @ theirs[0]).mean())
    ranks = np.arange(1, real.shape[1] + 1, dtype=np.float32)

    def shaped(shared: float, flat: float, rows: slice) -> np.ndarray:
        scaled = turned[rows] * ranks**flat
        scaled[:, 0] = turned[rows, 0] * shared
        return unit(scaled @ theirs)

    def miss(shared: float, flat: float) -> float:
        cosines = real[::9] @ shaped(shared, flat, slice(400)).T
        return abs(cosines.mean() - wanted[0]) + abs(cosines.std() - wanted[1])

    tried = [(a, b) for a in np.arange(0.6, 1.6, 0.1) for b in np.arange(0, 0.61, 0.1)]
    shared, flat = min(tried, key=lambda t: miss(*t))
    return shaped(shared, flat, slice(None)), {"shared": float(shared), "flat": float(flat)}


def promise(
    probes: np.ndarray,
    strangers: np.ndarray,
    truth: np.ndarray,
    gallery: tuple[np.ndarray, np.ndarray],
) -> dict[str, object]:
    """Return the measured rate of false names, and of right ones, for each size of gallery."""
    templates, synthetic = gallery
    model = ImpostorModel().of_tracks()
    own = (probes @ templates.T)[np.arange(len(probes)), truth]
    scores = probes @ templates.T
    scores[np.arange(len(scores)), truth] = -1.0
    found: dict[str, object] = {}
    rng = np.random.default_rng(4)
    for size in SIZES:
        real = min(size, len(templates) - 1)
        if size < len(templates) - 1:
            drawn = np.where(scores > -1, rng.random(scores.shape), -1.0)
            kept = np.argsort(-drawn, axis=1)[:, :real]
            best = np.take_along_axis(scores, kept, 1).max(axis=1)
        else:
            best = scores.max(axis=1)
        for start in range(0, size - real, BLOCK):
            block = synthetic[start : min(start + BLOCK, size - real)]
            best = np.maximum(best, (probes @ block.T).max(axis=1))
        needed = np.maximum(threshold_for(size, FPIR, model) + strangers - PRIOR_MEAN, LOWEST)
        named = best >= needed
        low, high = by_person(named.astype(float), truth)
        found[str(size)] = {
            "promised": FPIR,
            "measured": float(named.mean()),
            "interval": [low, high],
            "false_names": int(named.sum()),
            "threshold": float(needed.mean()),
            "tpir": float(((own >= needed) & (own > best)).mean()),
        }
    return found


def held_out(
    tracks: ComposedTracks, weights: np.ndarray, truth: np.ndarray, templates: np.ndarray
) -> dict[str, object]:
    """Return the rates on people whom the constants were not learned from."""
    length = np.linalg.norm((tracks.vectors * weights[..., None]).sum(axis=1), axis=1)
    faces = tracks.vectors @ templates.T
    searches = TrackSearches(truth, faces, tracks.norms.astype(float), weights, length)
    found: dict[str, object] = {"learned_from_all": asdict(learn(searches, np.unique(truth)))}
    for learned, size in HELD_OUT:
        for fpir in (FPIR, 0.01):
            rates = held_out_rates(searches, learned, size, fpir)
            low, high = by_person(rates, np.arange(len(rates)))
            found[f"{learned}_teach_gallery_{size}_at_{fpir}"] = [float(rates.mean()), low, high]
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
        model = ScoreModel(
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
    parser.add_argument("people", type=Path)
    parser.add_argument("--tracks", type=int, default=2160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, nargs="+", required=True, help="made if missing")
    given = parser.parse_args()
    for number, path in enumerate(given.keep):
        if not path.exists():
            make(given.people, given.tracks // len(given.keep), given.seed + number, path)
    tracks, templates, names = read(given.keep)
    needed = int(np.ceil(3 / FPIR))
    if len(tracks) < needed:
        raise SystemExit(f"{len(tracks)} searches of strangers; a rate of {FPIR} needs {needed}")
    truth = np.array([names.index(p) for p in tracks.people])
    ways, strangers, weights = summed_up(tracks)
    probes = ways["quality-weighted template"]
    off = np.ones((len(tracks), len(names)), bool)
    off[np.arange(len(tracks)), truth] = False
    real_scores = (probes @ templates.T)[off]
    synthetic, _ = fillers(max(SIZES), probes, (real_scores.mean(), real_scores.std()))
    filler_scores = (probes @ synthetic[:500].T).ravel()
    print(
        json.dumps(
            {
                "composed": True,
                "tracks": len(tracks),
                "people": len(names),
                "impostors": {
                    kind: {
                        "mean": float(s.mean()),
                        "sd": float(s.std()),
                        "q99": float(np.quantile(s, 0.99)),
                        "q999": float(np.quantile(s, 0.999)),
                    }
                    for kind, s in (("real", real_scores), ("synthetic", filler_scores))
                },
                "promise": promise(probes, strangers, truth, (templates, synthetic)),
                "held_out": held_out(tracks, weights, truth, templates),
                **baselines(tracks, ways, truth, templates),
                "probability": calibrated(probes, truth, templates),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
