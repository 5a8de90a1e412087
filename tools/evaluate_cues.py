"""Measure what cues add to weak faces, and that strangers are named no more often than promised.

    python tools/evaluate_cues.py ACTORS FILL [--fill 300] [--splits 10] [--pictures 50]

ACTORS has a folder of aligned 112x112 pictures for each person, FILL one of photographs. Two thirds
of ACTORS are enrolled with five pictures beside the people of FILL with one; tracks of four faces
are made weak: shrunk to 32 and 24 pixels, or blurred. The others of ACTORS are
strangers. Faces are real; captions and casts are composed: right ones name who is
seen, wrong ones somebody else enrolled, as an attack would. For the filmography three others of a
film of the right or the wrong person have been surely seen; all act in four composed works of six.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration.openset.score_data import nearest_others
from edge.captions.reading import NAMES_THE_FACE, caption_llr
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from edge.recognise.search import CANDIDATES
from edge.recognise.template import TrackTemplate
from edge.titles.filmography import Filmography
from edge.titles.playing import cast_llr
from engines.pipeline import load_pipeline, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from engines.pipeline import FacePipeline

PICTURES, TRACK, CAST, SEEN = 5, 4, 10, 3
FPIR = 0.01
WAYS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "32 px": lambda chip: _shrunk(chip, 32),
    "24 px": lambda chip: _shrunk(chip, 24),
    "16 px": lambda chip: _shrunk(chip, 16),
    "blur": lambda chip: np.asarray(cv2.GaussianBlur(chip, (0, 0), 4.0), np.uint8),
}
CUES = (
    "face",
    "caption",
    "cast",
    "filmography",
    "all",
    "wrong caption",
    "wrong cast",
    "wrong filmography",
    "all wrong",
)

Embedded = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


def _shrunk(chip: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    small = cv2.resize(chip, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, chip.shape[:2]), np.uint8)


def embed(pipeline: FacePipeline, chips: Iterable[NDArray[np.uint8]]) -> Embedded:
    """Return unit embeddings, float32 (n, d), and their norms before, float32 (n,)."""
    found = pipeline.embedder.embed(np.stack(list(chips)))
    return found.vectors, found.norms


def chips_of(folder: Path, most: int) -> list[NDArray[np.uint8]]:
    """Return the aligned pictures of a person, so many at most."""
    found = [cv2.imread(str(path)) for path in sorted(folder.glob("*.png"))[:most]]
    return [np.asarray(c, np.uint8) for c in found if c is not None and c.shape == (112, 112, 3)]


def fill_of(pipeline: FacePipeline, folder: Path, count: int) -> dict[str, Embedded]:
    """Return the largest face of one photograph of so many people."""
    found: dict[str, Embedded] = {}
    for person in sorted(p for p in folder.iterdir() if p.is_dir()):
        photo = cv2.imread(str(min(person.iterdir())))
        if photo is None:
            continue
        still = pipeline.still(np.asarray(photo, np.uint8))
        if len(still.faces):
            largest = int(np.argmax(still.faces.sides_px))
            found[person.name] = (still.vectors[largest][None], still.norms[largest][None])
        if len(found) == count:
            break
    return found


class Trial:
    """One split: a gallery, and what is said of tracks.

    Args:
        pipeline: the loaded models.
        gallery: embeddings of each person.
        expected: so probably a caption means the face.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: dict[str, NDArray[np.float32]],
        expected: float = NAMES_THE_FACE,
    ) -> None:
        self.expected = expected
        self.names = list(gallery)
        self.works, self._filmography = works_of(self.names)
        self._templates = np.stack([unit(v.mean(axis=0)) for v in gallery.values()])
        self._scores = pipeline.scores
        count = len(self.names)
        self._policy = Policy(
            self._scores.threshold(count, FPIR, stills=False), count, self._scores,
            alike=self._alike, around=self._around, stills=False,
        )  # fmt: skip
        near = nearest_others(self._templates @ self._templates.T)
        self._near = dict(zip(self.names, map(tuple, near.tolist()), strict=True))

    def _around(self, person: str) -> tuple[float, ...]:
        return self._near[person]

    def _alike(self, a: str, b: str) -> float:
        first, second = (self._templates[self.names.index(name)] for name in (a, b))
        return float(first @ second)

    def named(self, track: Embedded, evidence: tuple[Evidence, ...]) -> str | None:
        """Return who a track of faces is said to show."""
        return self.named_together([track], [evidence])[0]

    def named_together(
        self, tracks: Sequence[Embedded], evidence: Sequence[tuple[Evidence, ...]]
    ) -> list[str | None]:
        """Return who each of the tracks of one scene is said to show, nobody twice."""
        told = zip(tracks, evidence, strict=True)
        claims = [self._claim(number, *one) for number, one in enumerate(told)]
        decisions = decide(claims, self._policy)
        return [decisions[number].id for number in range(len(claims))]

    def _claim(self, number: int, track: Embedded, evidence: tuple[Evidence, ...]) -> Claim:
        template = TrackTemplate(self._scores)
        for vector, norm in zip(*track, strict=True):
            template.add(vector, float(norm), 1.0, 0.0)
        scores = self._templates @ template.overall()
        order = np.argsort(-scores)[:CANDIDATES]
        found = tuple(Candidate(self.names[i], float(scores[i])) for i in order)
        wanted = {p for e in evidence for p in e.llr} - {c.id for c in found}
        cued = tuple(Candidate(p, float(scores[self.names.index(p)])) for p in sorted(wanted))
        return Claim(
            number, found, 90.0, 0.1, 0.1, template.norm(), None, template.impostor_mean(),
            evidence, cued,
        )  # fmt: skip

    def most_alike(self, vectors: NDArray[np.generic], but: str) -> str:
        """Return the enrolled person whom a track of faces is most like, `but` left out."""
        order = np.argsort(-(self._templates @ vectors.mean(axis=0)))
        return next(self.names[i] for i in order if self.names[i] != but)

    def caption_of(self, person: str) -> tuple[Evidence, ...]:
        """Return what a caption says that names somebody."""
        return (Evidence("text", caption_llr({person}, len(self.names), self.expected)),)

    def evidence(
        self, cue: str, person: str | None, random: np.random.Generator
    ) -> tuple[Evidence, ...]:
        """Return what a composed cue says where a person is seen; of a stranger it is wrong."""
        others = [name for name in self.names if name != person]
        right = "wrong" not in cue and person is not None
        told = str(person) if right else str(random.choice(others))
        cast = [str(n) for n in random.choice(others, CAST, replace=False)]
        if right:
            cast = [*cast[1:], told]
        count, found = len(self.names), []
        if "caption" in cue or "all" in cue.split():
            found += self.caption_of(told)
        if "cast" in cue or "all" in cue.split():
            found.append(Evidence("title", cast_llr(frozenset(cast), count)))
        if "filmography" in cue or "all" in cue.split():
            film = next(w for w in self.works if told in w)
            if not right:
                film = next(w for w in self.works if person not in w and told in w)
            seen = sorted(film - {told, str(person)})[:SEEN]
            found.append(Evidence("title", self._filmography.expected(dict.fromkeys(seen, 0.99))))
        return tuple(found)


def works_of(names: list[str]) -> tuple[list[frozenset[str]], Filmography]:
    """Return composed works of six people each, four for everybody."""
    random, works = np.random.default_rng(0), []
    for _ in range(4):
        order = [str(name) for name in random.permutation(names)]
        works += [frozenset(order[i : i + 6]) for i in range(0, len(order) - 5, 6)]
        if len(order) % 6:
            works.append(frozenset(order[-6:]))
    return works, Filmography(works, len(names))


def tracks_of(embedded: Embedded, order: NDArray[np.intp]) -> list[Embedded]:
    """Return tracks of four faces in this order."""
    vectors, norms = embedded[0][order], embedded[1][order]
    starts = range(0, len(vectors) - TRACK + 1, TRACK)
    return [(vectors[i : i + TRACK], norms[i : i + TRACK]) for i in starts]


def measure(
    actors: Path, fill: Path, count: int, splits: int, pictures: int
) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """Return (hits, tracks) by condition, cue and outcome."""
    pipeline = load_pipeline(threads=2, precision="fp32")
    chips = {p.name: chips_of(p, pictures) for p in sorted(actors.iterdir()) if p.is_dir()}
    clean = {name: embed(pipeline, some) for name, some in chips.items()}
    others = fill_of(pipeline, fill, count)
    enrolled_fill = {name: v for name, (v, _) in others.items()}
    figures: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    for way, spoil in WAYS.items():
        weak = {name: embed(pipeline, map(spoil, some)) for name, some in chips.items()}
        counts: Counter[tuple[str, str]] = Counter()
        for seed in range(splits):
            random = np.random.default_rng(seed)
            names = [str(n) for n in random.permutation(sorted(chips))]
            enrolled = names[: round(len(names) * 2 / 3)]
            orders = {name: random.permutation(len(chips[name])) for name in names}
            gallery = {n: clean[n][0][orders[n][:PICTURES]] for n in enrolled} | enrolled_fill
            trial = Trial(pipeline, gallery)
            for name in names:
                known = name in enrolled
                order = orders[name][PICTURES:] if known else orders[name]
                for track in tracks_of(weak[name], order):
                    for cue in CUES:
                        said = trial.evidence(cue, name if known else None, random)
                        who = trial.named(track, said)
                        kind = "enrolled" if known else "strangers"
                        counts[cue, kind] += 1
                        counts[cue, f"{kind} right"] += known and who == name
                        counts[cue, f"{kind} wrong"] += who not in {None, name if known else None}
        figures[way] = {
            cue: {
                "right": (counts[cue, "enrolled right"], counts[cue, "enrolled"]),
                "another name": (counts[cue, "enrolled wrong"], counts[cue, "enrolled"]),
                "strangers named": (counts[cue, "strangers wrong"], counts[cue, "strangers"]),
            }
            for cue in CUES
        }
    return figures


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("actors", type=Path)
    parser.add_argument("fill", type=Path)
    parser.add_argument("--fill", dest="count", type=int, default=300)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--pictures", type=int, default=50)
    args = parser.parse_args()
    figures = measure(args.actors, args.fill, args.count, args.splits, args.pictures)
    outcomes = ("right", "another name", "strangers named")
    print(f"| faces | cue | {' | '.join(outcomes)} |")
    print("|---|---|---|---|---|")
    for way, cues in figures.items():
        for cue, found in cues.items():
            cells = [f"{found[o][0] / max(found[o][1], 1):.1%} of {found[o][1]}" for o in outcomes]
            print(f"| {way} | {cue} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
