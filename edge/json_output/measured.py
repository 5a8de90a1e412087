"""What the commands print that measure on people."""

from __future__ import annotations

from typing import Any

import msgspec


class Receipt(msgspec.Struct, frozen=True):
    """`privacy-check`.

    Attributes:
        ok: nothing left the memory that must not.
        lines: each is an `edge.privacy.verdict.Line`.
        readings: how often text was read meanwhile.
        subtitles: how often subtitles were heard.
        cues: what counted beside the face, None where that was not chosen.
        naming: whether a stranger was named and erased.
        voices: how often a voice was compared.
        told: how many answers had what a caption says of somebody who is not enrolled.
    """

    ok: bool
    lines: list[Any]
    readings: int = 0
    subtitles: int = 0
    cues: list[str] | None = None
    naming: bool = False
    voices: int = 0
    told: int = 0


class ClipsEvaluated(msgspec.Struct, frozen=True):
    """`evaluate --clips`.

    Attributes:
        people: who are asked for.
        nobody: clips of nobody who is asked for.
        map: mAP@100 by what counted, 0 to 1.
    """

    clips: int
    people: int
    nobody: int
    map: dict[str, float]


class Spread(msgspec.Struct, frozen=True):
    """Of cosines."""

    mean: float
    sd: float


class PromisesChecked(msgspec.Struct, frozen=True):
    """`calibrate threshold`.

    Attributes:
        people, searches, pairs: that were compared.
        promised: rate of false names.
        impostors, shipped: cosines of strangers, of these people and of the shipped model.
        galleries: each is a `calibration.openset.fpir_check.Promise`.
    """

    people: int
    searches: int
    pairs: int
    promised: float
    impostors: Spread
    shipped: Spread
    galleries: list[Any]


class ShippedGroups(msgspec.Struct, frozen=True):
    """What `identify` would have said: each group is an `edge.cli.evaluate.Shipped`."""

    promised_fpir: float
    groups: dict[str, Any]


class Probability(msgspec.Struct, frozen=True):
    """How well the probabilities of best candidates fit; each bin is a `Reliability`."""

    ece: float
    bins: list[Any]


class PicturesEvaluated(msgspec.Struct, frozen=True):
    """`evaluate` of a folder of pictures.

    Attributes:
        rank1: None where no picture is of somebody enrolled.
        tpir, measured_thresholds: by rate of false names, e.g. "0.01".
        interval: 95 %, of `rank1` and of each rate's TPIR.
        mated, nonmated: searches of people in the gallery, and of strangers.
        threshold: the shipped one, a cosine.
        unsupported: rates that are too low for so few searches.
        without_face: pictures.
    """

    rank1: float | None
    tpir: dict[str, float]
    interval: dict[str, tuple[float, float]]
    mated: int
    nonmated: int
    threshold: float
    measured_thresholds: dict[str, float]
    unsupported: list[str]
    without_face: int
    shipped: ShippedGroups
    probability: Probability
