"""What does it cost to join the tracks of a film? False names and recall, with and without.

Films are composed of tracks that `tools/evaluate_population.py` made: this many people of the half
that taught nothing, half of them enrolled, each composed track cut into two shots. No two tracks
are on screen at once, so that no constraint helps. Each film is decided twice, track by track and
joined, through `decide_film`, which `identify` decides films by. Intervals are by person.

    python tools/evaluate_joined.py --keep FILE.npz --tracks TRACKS.npz --same same.csv
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pairs import pairs_of
from population import SCORES, SEED, Half, halves, track_templates
from population_measure import policy_of

from calibration.openset.evaluate import share_by_person
from edge.hindsight.join_tracks import FinishedTrack, decide_film, join
from edge.recognise.decide import Claim, decide
from edge.recognise.search import search
from edge.recognise.thresholds import neighbourhood
from gallery.search.search import Matches

if TYPE_CHECKING:
    from edge.recognise.template import TrackTemplate

FILMS = 40
CAST = 60
SIZES = (12, 100, 1000)
RATES = (0.01, 0.003)


@dataclass(frozen=True)
class Enrolled:
    """A gallery in memory: what `search` asks of one.

    Attributes:
        names: str (n,).
        templates: float32 (n, dimension).
    """

    names: np.ndarray
    templates: np.ndarray

    def search(self, probes: np.ndarray, k: int, only: object = None) -> Matches:
        """Return the best k people of each probe; all are searched."""
        assert only is None
        scores = probes @ self.templates.T
        best = np.argsort(-scores, axis=1)[:, :k]
        return Matches(
            [[str(self.names[i]) for i in row] for row in best],
            np.take_along_axis(scores, best, axis=1),
        )

    def templates_of(self, person: str) -> np.ndarray:
        """Return a person's only template, float32 (1, dimension)."""
        return self.templates[self.names == person]


class Tally:
    """What became of the tracks of some films, by person."""

    def __init__(self) -> None:
        self.strangers: list[tuple[str, bool]] = []
        self.known: list[tuple[str, bool, bool]] = []

    def add(self, person: str, named: str | None, *, enrolled: bool) -> None:
        """Take the name of one track, or None."""
        if enrolled:
            self.known.append((person, named == person, named not in (None, person)))
        else:
            self.strangers.append((person, named is not None))

    def row(self) -> dict[str, object]:
        """Return rates with their 95 % intervals by person."""
        people = [person for person, *_ in self.known]
        return {
            "strangers": len(self.strangers),
            "people": len({person for person, _ in self.strangers}),
            "strangers_named": share_by_person(*zip(*self.strangers, strict=True)),
            "known": len(self.known),
            "named_rightly": share_by_person(people, [right for _, right, _ in self.known]),
            "named_wrongly": share_by_person(people, [wrong for *_, wrong in self.known]),
        }


class Films:
    """Films of composed tracks.

    Args:
        half: who may be in them, and in galleries.
        people: whose each track is, str (n,).
        templates: of each track, shot by shot.
    """

    def __init__(
        self, half: Half, people: np.ndarray, templates: list[list[TrackTemplate]]
    ) -> None:
        self._half = half
        self._shots: dict[str, list[TrackTemplate]] = {}
        for person, shots in zip(people.tolist(), templates, strict=True):
            self._shots.setdefault(person, []).extend(shots)
        several = set(half.mated.person.tolist())
        self._known = np.array(sorted(several & set(self._shots) & set(half.names.tolist())))
        self._all = np.array(sorted(set(self._shots) & set(half.names.tolist())))
        self.pairs, self.wrong_pairs, self.joined = 0, 0, 0

    def run(self, size: int, fpir: float) -> dict[str, object]:
        """Decide films with a gallery of this size; return the rates of both ways."""
        rng = np.random.default_rng(SEED)
        tallies = Tally(), Tally(), Tally()
        self.pairs = self.wrong_pairs = self.joined = 0
        for _ in range(FILMS):
            known = rng.choice(self._known, min(CAST // 2, size // 2), replace=False)
            strangers = rng.choice(np.setdiff1d(self._all, known), CAST - len(known), replace=False)
            others = np.setdiff1d(self._half.names, np.concatenate([known, strangers]))
            enrolled = np.concatenate([known, rng.choice(others, size - len(known), replace=False)])
            self._film(known, strangers, enrolled, fpir, tallies)
        return {
            "tracks_alone": tallies[0].row(),
            "tracks_joined": tallies[1].row(),
            "searches_joined": tallies[2].row(),
            "tracks_joined_with_another": self.joined,
            "pairs_in_one_group": self.pairs,
            "of_two_people": self.wrong_pairs,
        }

    def _film(
        self,
        known: np.ndarray,
        strangers: np.ndarray,
        enrolled: np.ndarray,
        fpir: float,
        tallies: tuple[Tally, Tally, Tally],
    ) -> None:
        cast = [*known.tolist(), *strangers.tolist()]
        whose = [person for person in cast for _ in self._shots[person]]
        shots = [shot for person in cast for shot in self._shots[person]]
        templates = self._half.templates[[self._half.names.tolist().index(p) for p in enrolled]]
        gallery = Enrolled(enrolled, templates)
        found = search(gallery, np.stack([shot.overall() for shot in shots]))  # type: ignore[arg-type]
        tracks = [
            FinishedTrack(
                Claim(i, found[i], 90.0, 0.1, 0.1, shot.norm(), impostor_mean=shot.impostor_mean()),
                shot,
                frozenset(),
            )
            for i, shot in enumerate(shots)
        ]
        policy = replace(
            policy_of(len(enrolled), fpir, SCORES, stills=False),
            around=neighbourhood(gallery),  # type: ignore[arg-type]
        )
        by_itself = decide([t.claim for t in tracks], policy, lambda _a, _b: False)
        together = decide_film(tracks, gallery, policy, shown=True)  # type: ignore[arg-type]
        for i, person in enumerate(whose):
            for tally, decisions in zip(tallies, (by_itself, together), strict=False):
                tally.add(person, decisions[i].id, enrolled=person in known)
        groups = join(tracks)
        for i in (group[0] for group in groups):
            tallies[2].add(whose[i], together[i].id, enrolled=whose[i] in known)
        self._count(whose, groups)

    def _count(self, whose: list[str], groups: list[list[int]]) -> None:
        for group in (g for g in groups if len(g) > 1):
            self.joined += len(group)
            names = np.array([whose[i] for i in group])
            alike = names[:, None] == names[None]
            self.pairs += len(group) * (len(group) - 1) // 2
            self.wrong_pairs += int((~alike).sum()) // 2


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="1 taught nothing")
    given = parser.parse_args()
    with np.load(given.keep) as kept:
        faces = {name: kept[name] for name in ("person", "path", "vec", "norm")}
    twice = {second for _, second in pairs_of(given.same)}
    kept_rows = ~np.isin(faces["person"], sorted(twice))
    half = halves({name: column[kept_rows] for name, column in faces.items()}, None)[given.half]
    films = Films(half, *track_templates(given.tracks, shots=2))
    rows = {f"{size}, {fpir}": films.run(size, fpir) for size in SIZES for fpir in RATES}
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
