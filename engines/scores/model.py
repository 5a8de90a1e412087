"""What the cosines of one embedder mean: all that decisions know of it, as one value.

Each embedder has a file `<identity>.toml` beside this module; a gallery is bound to one embedder by
that identity. A new embedder is such a file, an entry of the catalog, and a converter where its
weights need one.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engines.errors import ScoreError
from engines.files import BAD_JSON, cache_dir
from engines.scores.probability import CosineModel
from engines.scores.spread import doubt, widening
from engines.scores.threshold import (
    HALF_TRUSTED,
    HALF_TRUSTED_OF_TRACKS,
    PROBES_PART,
    ImpostorModel,
    crowding,
    expected_of_tracks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class StillScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Single pictures.

    Attributes:
        norm_reference: from this length of an embedding, before normalisation, on nothing changes.
        norm_slope: how much lower the person's own cosine is for each unit below.
        norm_range: how many units count.
        norm_relief: how much less a name needs for each unit below ...
        norm_usual: ... and more for so many units, which strangers have in the mean.
        cosines: of a picture with a template, the person's own and, around what a face's own
            neighbours let expect, others'.
    """

    norm_reference: float
    norm_slope: float
    norm_range: float
    norm_relief: float
    norm_usual: float
    cosines: CosineModel


class TrackScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tracks of a film.

    Attributes:
        norm_reference: from this length of an embedding, before normalisation, on nothing changes.
        face_mean: mean cosine of strangers with a single face at the reference norm.
        face_slope: its fall for each unit of norm below.
        face_range: how many units count.
        norm_slope: how much lower the person's own cosine is for each unit below.
        norm_relief: how much less a name needs for each unit below ...
        norm_usual: ... and more for so many units, which strangers have in the mean.
        impostor_sd: deviation of a track's cosine from its expected mean.
        weight_norm: from this norm on a face has weight ...
        weight_span: ... which is whole this much above.
        cosines: of a track's template with a person's, the person's own and, around what the track
            and its neighbours let expect, others'.
    """

    norm_reference: float
    face_mean: float
    face_slope: float
    face_range: float
    norm_slope: float
    norm_relief: float
    norm_usual: float
    impostor_sd: float
    weight_norm: float
    weight_span: float
    cosines: CosineModel


class SamePerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cosines between templates or faces, and what they say of one person or two.

    Attributes:
        alike: templates of two people at least this much alike are of look-alikes.
        alike_margin: the margin between look-alikes, in units of their templates' distance.
        reidentify: tracks this much alike are one person's ...
        reidentify_by: ... and by this much more than any other.
        reidentify_norm: poorer faces are neither compared nor kept.
        disagree: own faces less like the merged ones are of somebody else.
        jump: a good face less like its track's template is another person's.
        refused: tracks this much alike share a name that a viewer refused.
    """

    alike: float
    alike_margin: float
    reidentify: float
    reidentify_by: float
    reidentify_norm: float
    disagree: float
    jump: float
    refused: float


class LabelScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cosines between pictures, and what they say of the labels of a catalogue or a gallery.

    Attributes:
        agree: two pictures above show one person: one pair of strangers in a thousand does.
        wrong: a picture less like the others of its person is likely of somebody else.
        lone: what a person's only picture must have with somebody else to be doubted.
        duplicate: pictures above are nearly the same one.
        look_alike: two people's templates above are mistaken for each other ...
        same_face: ... and above this they are likely one person's.
        weak: templates of one person that agree less than this in the mean.
    """

    agree: float
    wrong: float
    lone: float
    duplicate: float
    look_alike: float
    same_face: float
    weak: float


class NameScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distances of cosines that decisions use.

    Attributes:
        lowest: no promise lets a name be said below.
        margin: how much better the best must be than the second.
        most_margin: no margin between two people is wider.
        hysteresis: a displayed name stays until its score falls this far below the threshold.
        takeover: another person replaces a name only with a score this much better.
        confident: a name is beyond doubt this far above the threshold and the second.
        futile_norm: shorter embeddings name nobody, however many there are.
    """

    lowest: float
    margin: float
    most_margin: float
    hysteresis: float
    takeover: float
    confident: float
    futile_norm: float


class ScoreModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of one embedder's cosines.

    Attributes:
        impostor_mean, impostor_sd: of a face with other people's templates.
        enrolled_mean, enrolled_sd: of two people's templates.
        stills, tracks: by kind of probe.
        same: one person or two.
        names: when a name is said.
        labels: which pictures are under wrong labels.
    """

    impostor_mean: float
    impostor_sd: float
    enrolled_mean: float
    enrolled_sd: float
    stills: StillScores
    tracks: TrackScores
    same: SamePerson
    names: NameScores
    labels: LabelScores

    @property
    def impostors(self) -> ImpostorModel:
        """Cosines of single faces with other people's templates."""
        return ImpostorModel(self.impostor_mean, self.impostor_sd)

    def cosines(self, *, stills: bool, norm: float = math.inf) -> CosineModel:
        """Return the cosines of pictures, or of tracks, whose embeddings have this norm."""
        kind = self.stills if stills else self.tracks
        lack = self.lack(norm, stills=stills)
        if not lack > 0:
            return kind.cosines
        mean = kind.cosines.genuine_mean - kind.norm_slope * lack
        return dataclasses.replace(kind.cosines, genuine_mean=mean)

    def for_gallery(self, sample: NDArray[np.float32], people: int, fpir: float) -> ScoreModel:
        """Return the model of one gallery, where strangers' pictures may spread further than usual.

        Tracks are as they are: among women they name no more strangers than promised
        (docs/accuracy.md).

        Args:
            sample: templates of up to `spread.PEOPLE` of its people at random, float32 (n,
                dimension), unit length.
            people: in the gallery.
            fpir: the promised share of strangers who get a name.

        Raises:
            ScoreError: `fpir` is not between 0 and 1.
        """
        cosines = self.stills.cosines
        sd = cosines.impostor_sd * widening(sample, self.enrolled_sd, people, fpir)
        stills = msgspec.structs.replace(
            self.stills, cosines=dataclasses.replace(cosines, impostor_sd=sd)
        )
        return msgspec.structs.replace(self, stills=stills)

    def threshold(self, people: int, fpir: float, *, stills: bool) -> float:
        """Return the usual cosine that names somebody: before crowding, norm and the lower bound.

        Raises:
            ScoreError: `fpir` is not between 0 and 1.
        """
        cosines = self.cosines(stills=stills)
        beyond = cosines.threshold(people, fpir) - cosines.impostor_mean
        return cosines.impostor_mean + beyond * doubt(people, fpir, stills=stills)

    def crowding(
        self,
        others: Sequence[float],
        around: Sequence[float],
        people: int,
        *,
        stills: bool,
        impostor_mean: float | None,
    ) -> float:
        """Return how much higher than usual strangers must be expected to score with a probe.

        The neighbours of the face and those of the person it may be tell it together, as in
        symmetric score normalisation: each is half believed, which halves the noise of both.

        Args:
            others: cosines of the probe with everybody but the best, best first.
            around: cosines of the best with others of the gallery but their nearest, best first.
            people: in the gallery.
            stills: the probe is a picture, not a track.
            impostor_mean: what a track's faces let expect of strangers; None where it is unknown.
        """
        usual = mean = self.cosines(stills=stills).impostor_mean
        if not stills and impostor_mean is not None:
            mean = impostor_mean
        sd = self.impostor_sd if stills else self.tracks.impostor_sd
        half = HALF_TRUSTED if stills else HALF_TRUSTED_OF_TRACKS
        of_probe = crowding(others, people, mean, sd, half)
        of_best = crowding(around, people - 1, self.enrolled_mean, self.enrolled_sd, half)
        return mean - usual + PROBES_PART * of_probe + (1 - PROBES_PART) * of_best

    def relief(self, norm: float, *, stills: bool) -> float:
        """Return how much less than usual a name needs: a poor face is less like its own template.

        What poor faces need less, good ones need more, so that as many strangers are named.
        """
        kind = self.stills if stills else self.tracks
        lack = self.lack(norm, stills=stills)
        return kind.norm_relief * (lack - kind.norm_usual)

    def lack(self, norm: float, *, stills: bool) -> float:
        """Return how far a norm is below the reference, as far as it counts."""
        kind = self.stills if stills else self.tracks
        reach = self.stills.norm_range if stills else self.tracks.face_range
        return min(max(kind.norm_reference - norm, 0.0), reach)

    def norm_weight(self, norm: float) -> float:
        """Return the weight, 0 to 1, of a face in its track: the norm tells quality best of all."""
        tracks = self.tracks
        return min(max((norm - tracks.weight_norm) / tracks.weight_span, 0.05), 1.0) ** 2

    def norm_lack(self, norms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far norms of a track's faces are below the reference, as far as it counts."""
        return np.clip(self.tracks.norm_reference - norms, 0.0, self.tracks.face_range)

    def expected_of_tracks(
        self,
        norms: NDArray[np.float64],
        weights: NDArray[np.float64],
        length: NDArray[np.float64] | float,
    ) -> NDArray[np.float64]:
        """Return the mean cosine of strangers with tracks' templates; see the function."""
        faces = self.tracks.face_mean - self.tracks.face_slope * self.norm_lack(norms)
        return expected_of_tracks(faces, weights, length)


def learned_path(identity: str) -> Path:
    """Return where `tvradar calibrate embedder` writes what it learned, whether it is there."""
    return cache_dir() / "scores" / f"{identity}.json"


def score_model(identity: str) -> ScoreModel:
    """Return the score model of an embedder by its identity, e.g. `name-version`.

    What was learned on this machine comes before what we ship.

    Raises:
        ScoreError: nothing is known of its scores.
    """
    if identity and "/" not in identity:
        own = learned_path(identity)
        try:
            return _learned(own, own.stat().st_mtime_ns)
        except FileNotFoundError:
            return shipped_score_model(identity)
    raise _unknown(identity)


def shipped_score_model(identity: str) -> ScoreModel:
    """Return the score model that we ship for an embedder, whatever was learned here.

    Raises:
        ScoreError: there is none.
    """
    found = _shipped(identity)
    if found is None:
        raise _unknown(identity)
    return found


def _unknown(identity: str) -> ScoreError:
    return ScoreError(
        f"embedder {identity!r}: nothing is known of its scores, expected "
        f"engines/scores/{identity}.toml; learn them from pictures of people with "
        f'"tvradar calibrate embedder --model {identity.rpartition("-")[0] or "NAME"} --images DIR"'
    )


@cache
def _shipped(identity: str) -> ScoreModel | None:
    file = resources.files("engines.scores").joinpath(f"{identity}.toml")
    return msgspec.toml.decode(file.read_bytes(), type=ScoreModel) if file.is_file() else None


@cache
def _learned(path: Path, _stamp: int) -> ScoreModel:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ScoreModel)
    except BAD_JSON as error:
        raise ScoreError(f"{path}: {error}; learn it again, or delete it") from None
