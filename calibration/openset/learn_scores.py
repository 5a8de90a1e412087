"""What an embedder's cosines mean, learned from a population: its whole score model.

What decides names is learned: strangers' cosines, what a face's own neighbours leave unexplained of
the best of them, a person's own cosines, and what the norm says, for pictures and for tracks. The
other distances (look-alikes, re-identification, labels) are those of an embedder that is known, at
the same place between strangers and a person's own cosines, and no lower than what strangers reach
as seldom.
"""

from __future__ import annotations

import dataclasses
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from calibration.openset.score_data import Probes
from engines.pipeline import unit
from engines.scores.probability import CosineModel
from engines.scores.spread import deviation
from engines.scores.threshold import NEIGHBOURS, expected_of_tracks, share_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from calibration.openset.composed import ComposedTracks
    from calibration.openset.score_data import Faces, Half
    from engines.scores.model import ScoreModel

RELIEF = 0.6
"""The most names at one rate of false ones take the whole relief by norm; with this part of it the
rate differs less between good and poor faces."""
RELIEF_AT = 1000, 0.01
"""The relief is that of a gallery of so many people at this promised rate."""
RATES = (0.01, 0.003)
SIZES = (12, 100, 700)
DRAWS = 8
MOST_SEARCHES = 2000
WRONG_LABEL_SD = 0.76
"""Own cosines not this many deviations above strangers' are taken for wrong labels."""
TELLING = 0.2
"""From this correlation with the own cosine on, an embedding's norm tells quality."""
TWINS = 50
"""So many of the highest pairs of strangers may be twins, or one person under two names."""
KNOWN_NORM = 12.0
"""The median norm of pictures with the embedder that the other distances are taken from."""
_BELOW = {"labels": ("wrong", "weak"), "same": ("disagree", "jump")}
_NORMS = ("reidentify_norm", "futile_norm")
_DISTANCES = (*("reidentify_by", "margin", "most_margin", "hysteresis", "takeover", "confident"),)


def learn(half: Half, faces: Faces, known: ScoreModel) -> ScoreModel:
    """Return the score model of the embedder of `faces`, from this half of its people.

    Args:
        half: the people who teach.
        faces: all pictures and tracks.
        known: the score model that the other distances are taken from.
    """
    others = half.stills.others
    strangers = others[others > -1]
    mean, sd = float(strangers.mean()), float(strangers.std())
    norms = half.stills.norms
    reference = float(np.quantile(norms, 0.6))
    reach = max(reference - float(np.quantile(norms, 0.005)), 1e-3)
    lack = np.clip(reference - norms[half.stills.mated], 0, reach)
    own = half.stills.own
    right = own > mean + WRONG_LABEL_SD * sd
    telling = bool(np.corrcoef(norms[half.stills.mated][right], own[right])[0, 1] > TELLING)
    slope = max(-float(np.polyfit(lack[right], own[right], 1)[0]), 0.0) if telling else 0.0
    at_best = own[right] + slope * lack[right]
    cosines = CosineModel(float(at_best.mean()), float(at_best.std()), mean, sd)
    usual = float(np.clip(reference - norms, 0, reach).mean())
    stills = msgspec.structs.replace(
        known.stills,
        norm_reference=reference,
        norm_slope=slope,
        norm_range=reach,
        norm_relief=norm_relief(slope, usual, cosines),
        norm_usual=usual,
        cosines=cosines,
    )
    enrolled = (half.templates @ half.templates.T)[~np.eye(len(half.people), dtype=bool)]
    place = _Place(known, stills.cosines, strangers, float(np.median(norms)), telling=telling)
    model = msgspec.structs.replace(
        known,
        impostor_mean=mean,
        impostor_sd=sd,
        enrolled_mean=float(enrolled.mean()),
        enrolled_sd=deviation(enrolled),
        stills=stills,
        tracks=_norms_of_tracks(known, place, reference),
        same=place.moved(known.same, "same"),
        names=place.moved(known.names, "names"),
        labels=place.moved(known.labels, "labels"),
    )
    near = near_sd(model, half, half.stills, np.full(len(norms), np.nan), stills=True)
    stills = msgspec.structs.replace(stills, cosines=dataclasses.replace(cosines, impostor_sd=near))
    model = msgspec.structs.replace(model, stills=stills)
    return _with_tracks(model, half, faces.tracks)


class _Place:
    """Moves distances of a known embedder to the same place of another one's cosines."""

    def __init__(
        self,
        known: ScoreModel,
        cosines: CosineModel,
        strangers: NDArray[np.float32],
        norm: float,
        *,
        telling: bool,
    ) -> None:
        self._known, self._cosines, self._telling = known, cosines, telling
        old = known.stills.cosines
        self._old_mean = old.impostor_mean
        self._scale = (cosines.genuine_mean - cosines.impostor_mean) / (
            old.genuine_mean - old.impostor_mean
        )
        self._strangers = np.sort(strangers)
        self.norm_scale = norm / KNOWN_NORM

    def level(self, cosine: float, *, below: bool) -> float:
        """Return a cosine's place; where it tells one person, no more strangers reach it."""
        moved = self._cosines.impostor_mean + (cosine - self._old_mean) * self._scale
        if below:
            return float(moved)
        share = self._known.impostors.share_above(cosine)
        seen = len(self._strangers)
        place = min(seen - TWINS, int(np.ceil(seen * (1 - share))))
        return float(min(max(moved, float(self._strangers[place])), 0.999))

    def distance(self, cosines: float) -> float:
        """Return a difference of cosines, moved."""
        return float(cosines * self._scale)

    def norm(self, length: float) -> float:
        """Return a norm, moved; 0 where norms tell nothing."""
        return float(length * self.norm_scale) if self._telling else 0.0

    def moved(self, part: Any, name: str) -> Any:
        """Return one part of a score model, moved."""
        values = {}
        for key, value in msgspec.structs.asdict(part).items():
            if key in _NORMS:
                values[key] = self.norm(value)
            elif key in _DISTANCES:
                values[key] = self.distance(value)
            elif key == "alike_margin":
                # in units of the distance of two templates, which is the root of 1 - cosine
                values[key] = float(value * np.sqrt(max(self._scale, 1e-6)))
            elif key == "duplicate":
                values[key] = 1 - (1 - value) * min(self._scale, 1.0)
            else:
                values[key] = self.level(value, below=key in _BELOW.get(name, ()))
        return msgspec.structs.replace(part, **values)


def _norms_of_tracks(known: ScoreModel, place: _Place, reference: float) -> Any:
    tracks = known.tracks
    telling = place.norm(1.0) > 0
    return msgspec.structs.replace(
        tracks,
        norm_reference=reference,
        face_slope=0.0,
        face_range=max(place.norm(tracks.face_range), 1.0),
        weight_norm=place.norm(tracks.weight_norm),
        weight_span=place.norm(tracks.weight_span) if telling else reference / 10,
    )


def _with_tracks(model: ScoreModel, half: Half, tracks: ComposedTracks) -> ScoreModel:
    """Return a score model whose `tracks` is learned, too."""
    face_mean = _stranger_faces(half, tracks)
    model = _replaced(model, face_mean=face_mean)
    probes, expected = probes_of_tracks(model, half, tracks)
    others = probes.others
    taken = others > -1
    sd = float((others - expected[:, None])[taken].std())
    usual = float(expected.mean())
    own = probes.own
    right = own > usual + WRONG_LABEL_SD * sd
    lacks = model.norm_lack(probes.norms.astype(np.float64))
    slope = 0.0
    if model.stills.norm_slope > 0:
        slope = max(-float(np.polyfit(lacks[probes.mated][right], own[right], 1)[0]), 0.0)
    at_best = own[right] + slope * lacks[probes.mated][right]
    cosines = CosineModel(float(at_best.mean()), float(at_best.std()), usual, sd)
    model = _replaced(
        model,
        impostor_sd=sd,
        norm_slope=slope,
        norm_relief=norm_relief(slope, float(lacks.mean()), cosines),
        norm_usual=float(lacks.mean()),
        cosines=cosines,
    )
    near = near_sd(model, half, probes, expected, stills=False)
    return _replaced(model, cosines=dataclasses.replace(cosines, impostor_sd=near))


def norm_relief(slope: float, usual: float, cosines: CosineModel) -> float:
    """Return how much less a name should need for each unit of norm that a face lacks.

    The most right names at one rate of false ones come from one likelihood ratio for all faces
    (Neyman and Pearson, 1933): where a person's own cosine falls by `slope`, the cosine of the same
    ratio falls by this part of it.

    Args:
        slope: how much lower the person's own cosine is for each unit.
        usual: units that strangers lack in the mean.
        cosines: of a person's good faces, and of others.
    """
    at = cosines.threshold(*RELIEF_AT)
    own = max(cosines.genuine_mean - slope * usual - at, 0.0) / cosines.genuine_sd**2
    others = (at - cosines.impostor_mean) / cosines.impostor_sd**2
    return RELIEF * slope * own / (own + others)


def _replaced(model: ScoreModel, **values: Any) -> ScoreModel:
    tracks = msgspec.structs.replace(model.tracks, **values)
    return msgspec.structs.replace(model, tracks=tracks)


def _stranger_faces(half: Half, tracks: ComposedTracks) -> float:
    """Return the mean cosine of single faces of tracks with other people's templates."""
    found = []
    for row in half.tracks:
        others = half.people != tracks.people[row]
        found.append(float((tracks.vectors[row] @ half.templates[others].T).mean()))
    return float(np.mean(found))


def probes_of_tracks(
    model: ScoreModel, half: Half, tracks: ComposedTracks
) -> tuple[Probes, NDArray[np.float64]]:
    """Return searches with the tracks' templates, and the expected cosine of strangers with each.

    A template is the mean of a track's faces, weighted as a recogniser weights them.
    """
    rows = half.tracks
    told = np.vectorize(model.norm_weight)(tracks.norms[rows])
    weights = np.maximum(tracks.overall[rows] * told, 1e-4)
    sums = (tracks.vectors[rows] * weights[..., None]).sum(axis=1)
    lengths = np.linalg.norm(sums, axis=1) / weights.sum(axis=1)
    expected = expected_of_tracks(
        np.full(weights.shape, model.tracks.face_mean), weights.astype(np.float64), lengths
    )
    owner = np.searchsorted(half.people, tracks.people[rows])
    norms = np.average(tracks.norms[rows], axis=1, weights=weights).astype(np.float32)
    several = np.isin(owner, half.stills.owner[half.stills.mated])
    scores = unit(sums.astype(np.float32)) @ half.templates.T
    return Probes(owner, scores.astype(np.float32), norms, several), expected


def near_sd(
    model: ScoreModel, half: Half, probes: Probes, expected: NDArray[np.float64], *, stills: bool
) -> float:
    """Return the deviation that gives the best stranger's quantiles, neighbours and norm known.

    Args:
        model: with all else.
        half: the people.
        probes: their pictures, or tracks.
        expected: of strangers with each track, float64 (n,); nan for pictures.
        stills: the probes are pictures.
    """
    rng = np.random.default_rng(0)
    others = probes.others
    people = others.shape[1]
    usual = model.cosines(stills=stills).impostor_mean
    deviations = []
    for size in [s for s in SIZES if s < 0.85 * people] or [people // 2]:
        left: list[float] = []
        for _ in range(DRAWS):
            gallery = rng.choice(people, size, replace=False)
            near = half.neighbours(gallery)
            rows = np.flatnonzero(~np.isin(probes.owner, gallery))
            rows = rows[rng.permutation(len(rows))[:MOST_SEARCHES]]
            found = others[np.ix_(rows, gallery)]
            ranked = np.argsort(-found, axis=1)[:, : NEIGHBOURS + 1]
            for row, scores, order in zip(rows, found, ranked, strict=True):
                crowd = model.crowding(
                    scores[order[1:]].tolist(), near[order[0]].tolist(), size,
                    stills=stills,
                    impostor_mean=None if np.isnan(expected[row]) else float(expected[row]),
                )  # fmt: skip
                relief = model.relief(float(probes.norms[row]), stills=stills)
                left.append(float(scores[order[0]]) - crowd + relief - usual)
        for rate in RATES:
            z = NormalDist().inv_cdf(1 - share_for(size, rate))
            deviations.append(float(np.quantile(left, 1 - rate)) / z)
    return float(np.mean(deviations))
