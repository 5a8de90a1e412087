"""What a film knows of who is in it: ways to decide its tracks again, at the same true rate.

Films as `tools/evaluate_joined.py` composes them, of either half of the people, 30 of each 60
enrolled among 1,000. The threshold of each way is moved until so many strangers are named as the
row says; intervals of what a way names rightly beyond today's are by film. Tracks that got no name
are decided again. "expected": who is surely named elsewhere in the film is expected as a cast is.
"adapted": whom the film has surely shown is compared by the mean of the enrolled template and of
what was shown, as far as strangers score no higher with it. "shown": the same as `identify` does
it, by what the film's own strangers tell: twelve pairs of tracks that are on screen at once.

    python tools/evaluate_film_ways.py --keep FILE.npz --tracks TRACKS.npz --same same.csv

`--alike 0.12` gives all tracks of a film a direction in common, until its strangers are so much
more like each other than like enrolled people; composed ones are by 0.02.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from evaluate_joined import CAST, Enrolled
from evaluate_view_weights import PEOPLE, RATES, RESAMPLES, read_faces
from population import SCORES, SEED, Half, halves, track_templates
from population_measure import policy_of

from edge.hindsight.join_tracks import FinishedTrack, join
from edge.hindsight.shown import with_shown
from edge.recognise.cues.belief import SURELY, cast_llr, faces_llr, surely
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim, Decision, Policy, decide
from edge.recognise.scene import Candidate
from edge.recognise.search import search
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import neighbourhood
from engines.pipeline import unit

PAIRS = 12
"""So many pairs of tracks are on screen at once."""
PROMISED = (0.002, 0.005, 0.01, 0.016)
MORE_ALIKE = (0.02, 0.12)
"""Strangers' tracks are more like each other than like enrolled templates, by so much in composed
films and by so much in the series of docs/accuracy.md."""


@dataclass(frozen=True)
class Film:
    """A composed film: its groups of tracks, whose they are, and who of them is enrolled."""

    claims: list[Claim]
    vectors: dict[int, np.ndarray]
    whose: dict[int, list[str]]
    known: frozenset[str]
    gallery: Enrolled
    policy: Policy
    beside: frozenset[frozenset[int]]

    def apart(self, a: int, b: int) -> bool:
        """Return whether two groups were on screen at once."""
        return frozenset((a, b)) in self.beside


def compose_film(
    half: Half, shots: dict[str, list[TrackTemplate]], rng: np.random.Generator, alike: float
) -> Film:
    """Return a film of `CAST` people, half of whom are enrolled among 1,000."""
    several = set(half.mated.person.tolist())
    all_names = half.names.tolist()
    seen = np.array(sorted(set(shots) & set(all_names)))
    known = rng.choice(np.array(sorted(several & set(seen.tolist()))), CAST // 2, replace=False)
    strangers = rng.choice(np.setdiff1d(seen, known), CAST - len(known), replace=False)
    others = np.setdiff1d(half.names, np.concatenate([known, strangers]))
    more = rng.choice(others, PEOPLE - len(known), replace=False)
    enrolled = np.concatenate([known, more])
    gallery = Enrolled(enrolled, half.templates[[all_names.index(p) for p in enrolled]])
    people = [p for p in [*known.tolist(), *strangers.tolist()] for _ in shots[p]]
    every = [shot for p in [*known.tolist(), *strangers.tolist()] for shot in shots[p]]
    tracks = [FinishedTrack(_claim(i, shot, ()), shot, frozenset()) for i, shot in enumerate(every)]
    groups = {group[0]: group for group in join(tracks)}
    joined = {g: TrackTemplate.of_all(every[i] for i in group) for g, group in groups.items()}
    probes = with_common(np.stack([t.overall() for t in joined.values()]), alike)
    found = search(gallery, probes)  # type: ignore[arg-type]
    whose = {g: [people[i] for i in group] for g, group in groups.items()}
    return Film(
        [_claim(g, joined[g], f) for g, f in zip(joined, found, strict=True)],
        dict(zip(joined, probes, strict=True)),
        whose,
        frozenset(known.tolist()),
        gallery,
        replace(
            policy_of(PEOPLE, 0.01, SCORES, stills=False),
            around=neighbourhood(gallery),  # type: ignore[arg-type]
        ),
        _beside(whose),
    )


def with_common(probes: np.ndarray, alike: float) -> np.ndarray:
    """Return templates with a direction in common, float32 (n, dimension), see `--alike`."""
    more = max(alike - MORE_ALIKE[0], 0.0)
    rng = np.random.default_rng(len(probes))
    common = rng.standard_normal(probes.shape[1], dtype=np.float32)
    length = np.float32(np.sqrt(more / (0.9 - more)))
    return unit(np.asarray(probes + length * unit(common), np.float32))


def _beside(whose: dict[int, list[str]]) -> frozenset[frozenset[int]]:
    """Return pairs of groups of different people, no group twice."""
    order = np.random.default_rng(len(whose)).permutation(sorted(whose)).tolist()
    pairs = [frozenset(order[k : k + 2]) for k in range(0, len(order) - 1, 2)]
    found = [p for p in pairs if len({name for g in p for name in whose[g]}) > 1]
    return frozenset(found[:PAIRS])


def _claim(number: int, template: TrackTemplate, candidates: tuple[Candidate, ...]) -> Claim:
    norm, expected = template.norm(), template.impostor_mean()
    return Claim(number, candidates, 90.0, 0.1, 0.1, norm, impostor_mean=expected)


def apart(_a: int, _b: int) -> bool:
    """Return that no two tracks were on screen at once."""
    return False


def again(
    film: Film,
    policy: Policy,
    first: dict[int, Decision],
    *,
    expected: bool = False,
    adapted: float = 0.0,
    only_add: bool = True,
    shown: bool = False,
) -> dict[int, Decision]:
    """Return decisions once more, with what the film has surely shown elsewhere."""
    if shown:
        told = with_shown(film.claims, film.vectors, first, film.gallery, policy, film.apart)  # type: ignore[arg-type]
        return decide(told or film.claims, policy, apart)
    sure: dict[str, list[int]] = {}
    for g, decision in first.items():
        llr = faces_llr([(decision.id, decision.spoke)])
        for person in (p for p, value in llr.items() if surely(value, PEOPLE) >= SURELY):
            sure.setdefault(person, []).append(g)
    known = dict(zip(film.gallery.names.tolist(), film.gallery.templates, strict=True))
    changed = []
    for claim in film.claims:
        if only_add and first[claim.track].id is not None:
            continue
        elsewhere = {p: [g for g in of if g != claim.track] for p, of in sure.items()}
        elsewhere = {p: of for p, of in elsewhere.items() if of}
        changed.append(_with_elsewhere(film, policy, claim, elsewhere, known, (expected, adapted)))
    return (first if only_add else {}) | decide(changed, policy, apart)


def _with_elsewhere(
    film: Film,
    policy: Policy,
    claim: Claim,
    elsewhere: dict[str, list[int]],
    known: dict[str, np.ndarray],
    ways: tuple[bool, float],
) -> Claim:
    """Return a claim that knows whom other tracks of the film surely show."""
    expected, adapted = ways
    scores = {}
    for person, groups in elsewhere.items():
        template = known[person]
        score = float(film.vectors[claim.track] @ template)
        if adapted:
            shown = unit(np.sum([film.vectors[g] for g in groups], axis=0))
            usual = (claim.impostor_mean or 0.0) + policy.crowding(claim, Candidate(person, score))
            length = float(np.linalg.norm(template + shown))
            both = float(film.vectors[claim.track] @ (template + shown)) / length
            score = max(score, both - (2 * usual + adapted) / length + usual)
        scores[person] = score
    listed = [Candidate(c.id, scores.pop(c.id, c.score)) for c in claim.candidates]
    listed.sort(key=lambda c: -c.score)
    # whom cues speak for is a candidate however many are better
    llr = cast_llr(elsewhere, PEOPLE) if expected else dict.fromkeys(elsewhere, 1e-3)
    return replace(
        claim,
        candidates=tuple(listed),
        cued=tuple(Candidate(p, s) for p, s in scores.items()),
        evidence=(Evidence("title", llr),) if elsewhere else (),
    )


WAYS: dict[str, dict[str, bool | float]] = {
    "today": {},
    "expected": {"expected": True},
    "expected, all decided again": {"expected": True, "only_add": False},
    "adapted": {"adapted": MORE_ALIKE[0]},
    "adapted, as alike as in the series": {"adapted": MORE_ALIKE[1]},
    "shown": {"shown": True},
}


def outcomes(film: Film, threshold: float) -> list[tuple[int, ...]]:
    """Return the outcome of each way, at a threshold."""
    policy = replace(film.policy, threshold=threshold)
    first = decide(film.claims, policy, apart)
    return [
        outcome(film, again(film, policy, first, **way) if way else first)  # type: ignore[arg-type]
        for way in WAYS.values()
    ]


def films(
    half: Half, people: np.ndarray, shots: list[list[TrackTemplate]], count: int, alike: float
) -> dict[str, object]:
    """Return what each way to decide the tracks of this many films wins."""
    of: dict[str, list[TrackTemplate]] = {}
    for person, tracks in zip(people.tolist(), shots, strict=True):
        of.setdefault(person, []).extend(tracks)
    rng = np.random.default_rng(SEED)
    every = [compose_film(half, of, rng, alike) for _ in range(count)]
    thresholds = [SCORES.cosines(stills=False).threshold(PEOPLE, rate) for rate in PROMISED]
    counted = np.array([[outcomes(film, at) for film in every] for at in thresholds], float)
    today = counted[:, :, 0]
    return {way: compare(today, counted[:, :, k]) for k, way in enumerate(WAYS)}


def outcome(film: Film, decisions: dict[int, Decision]) -> tuple[int, int, int, int, int]:
    """Return how many tracks: strangers named, strangers, named rightly and wrongly, enrolled."""
    tally = [0, 0, 0, 0, 0]
    for g, people in film.whose.items():
        name = decisions[g].id
        for person in people:
            if person in film.known:
                tally[2] += name == person
                tally[3] += name not in {None, person}
                tally[4] += 1
            else:
                tally[0] += name is not None
                tally[1] += 1
    return tuple(tally)  # type: ignore[return-value]


def compare(today: np.ndarray, other: np.ndarray) -> dict[str, object]:
    """Return what a way names rightly at the true rates, and beyond today's, by film.

    Both are counts (thresholds, films, 5).
    """
    rng = np.random.default_rng(0)
    count = today.shape[1]
    draws = [np.arange(count), *rng.integers(0, count, (RESAMPLES, count))]
    rows = {}
    for rate in RATES:
        pairs = np.array([[right_at(c[:, drawn], rate) for c in (today, other)] for drawn in draws])
        more = pairs[:, 1] - pairs[:, 0]
        low, high = np.quantile(more[1:], (0.025, 0.975)).tolist()
        rows[str(rate)] = {"right": pairs[0, 1], "more": more[0], "low": low, "high": high}
    whole = other.sum(axis=1)
    at_one = PROMISED.index(0.01)
    promised = (whole[:, 0] / whole[:, 1])[at_one], (whole[:, 3] / whole[:, 4])[at_one]
    return rows | {"named at 1 % promised: strangers, wrongly": promised}


def right_at(counts: np.ndarray, rate: float) -> float:
    """Return the share named rightly where this share of strangers is named."""
    whole = counts.sum(axis=1)
    strangers = np.maximum.accumulate(whole[:, 0] / whole[:, 1])
    return float(np.interp(rate, strangers, whole[:, 2] / whole[:, 4]))


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="1 taught nothing")
    parser.add_argument("--alike", type=float, default=MORE_ALIKE[0])
    given = parser.parse_args()
    people, shots = track_templates(given.tracks, shots=2)
    half = halves(read_faces(given.keep, given.same), None)[given.half]
    print(json.dumps(films(half, people, shots, given.films, given.alike)))


if __name__ == "__main__":
    main()
