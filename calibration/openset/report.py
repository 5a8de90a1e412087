"""An evaluation as one self-contained HTML page: the curves, and the worst errors as pictures.

For the developer's machine: it holds pictures of people. A device never makes one.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import cv2
import jinja2
import numpy as np

from calibration.openset.evaluate import Searches
from engines.look import page_css
from engines.pictures.read import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engines.scores.probability import Reliability

WIDTH, HEIGHT = 300.0, 240.0
LEAST_MISSED = 1e-3
BINS = 40
LOWEST_SCORE = -0.2
PICTURE_PX = 160
WORST = 12


@dataclass(frozen=True)
class Search:
    """One picture that was searched with.

    Attributes:
        person: whose it is.
        path: of the picture.
        score: the best candidate's cosine.
        best: that candidate's id.
        named: the id that was shown, or None.
        probability: of the best candidate being right, 0 to 1.
    """

    person: str
    path: Path
    score: float
    best: str
    named: str | None = None
    probability: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the best candidate is that person."""
        return self.best == self.person


@dataclass(frozen=True)
class Findings:
    """What is shown.

    Attributes:
        title: what was evaluated.
        figures: rows of figure, value, interval, threshold, strangers named.
        notes: sentences beside them.
        mated, nonmated: the searches, of people in the gallery and of strangers.
        threshold: the one at work.
        ece, bins: how well probabilities fit.
    """

    title: str
    figures: Sequence[Sequence[str]]
    notes: Sequence[str]
    mated: Sequence[Search]
    nonmated: Sequence[Search]
    threshold: float
    ece: float
    bins: Sequence[Reliability]


def det_curve(mated: Searches, nonmated: Searches) -> tuple[NDArray[np.float64], ...]:
    """Return FPIR and the share of people without their name at each threshold, falling FPIR."""
    thresholds = np.unique(np.concatenate([mated.scores, nonmated.scores, [np.inf]]))
    strangers = np.sort(nonmated.scores)
    named = 1 - np.searchsorted(strangers, thresholds) / len(strangers)
    own = np.sort(mated.scores[mated.right])
    found = (len(own) - np.searchsorted(own, thresholds)) / len(mated.scores)
    return named, 1 - found


def searches_of(rows: Sequence[Search]) -> Searches:
    """Return what the rates are computed from."""
    return Searches(
        np.array([row.person for row in rows], np.str_),
        np.array([row.score for row in rows], float),
        np.array([row.right for row in rows], bool),
    )


def to_html(findings: Findings) -> str:
    """Return the page; it loads nothing from anywhere."""
    mated, nonmated = searches_of(findings.mated), searches_of(findings.nonmated)
    template = resources.files("calibration.openset").joinpath("report.html").read_text()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = {
        "style": page_css(),
        "title": findings.title,
        "figures": findings.figures,
        "notes": findings.notes,
        "det": _det(mated, nonmated),
        "bars": [*_bars(mated.scores, "a"), *_bars(nonmated.scores, "b")],
        "threshold_x": _score_x(findings.threshold),
        "score_ticks": [
            {"at": _score_x(score), "text": f"{score:.1f}"} for score in np.arange(-0.2, 1.01, 0.2)
        ],
        "unit_ticks": [
            {"at": WIDTH * part, "text": f"{part:.1f}"} for part in np.arange(0, 1.01, 0.25)
        ],
        "reliability": _reliability(findings.bins),
        "ece": f"{findings.ece:.3f}",
        "worst": _worst(findings),
    }
    return environment.from_string(template).render(page=page)


def _det(mated: Searches, nonmated: Searches) -> dict[str, object]:
    named, missed = det_curve(mated, nonmated)
    least = 1 / len(nonmated.scores)
    decades = max(1, math.ceil(-math.log10(least)))
    shown = named >= least
    x = WIDTH * (1 + np.log10(np.maximum(named[shown], least)) / decades)
    y = _missed_y(missed[shown])
    return {
        "path": "M" + " L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)),
        "x_ticks": [
            {"at": WIDTH * (1 - n / decades), "text": f"{100 * 10.0**-n:g} %"}
            for n in range(decades + 1)
        ],
        "y_ticks": [
            {"at": float(_missed_y(np.array(share))), "text": f"{100 * share:g} %"}
            for share in (1.0, 0.1, 0.01, LEAST_MISSED)
        ],
        "least": f"{100 * least:.2g} %",
    }


def _missed_y(missed: NDArray[np.float64]) -> NDArray[np.float64]:
    decades = np.log10(np.maximum(missed, LEAST_MISSED)) / math.log10(LEAST_MISSED)
    return np.asarray(HEIGHT * decades)


def _score_x(score: float) -> float:
    return round(WIDTH * (score - LOWEST_SCORE) / (1 - LOWEST_SCORE), 1)


def _bars(scores: NDArray[np.float64], kind: str) -> list[dict[str, object]]:
    counts, edges = np.histogram(scores, BINS, (LOWEST_SCORE, 1.0))
    shares = counts / max(len(scores), 1)
    top = max(float(shares.max()), 1e-9)
    return [
        {
            "kind": kind,
            "x": _score_x(edge),
            "y": round(HEIGHT * (1 - share / top), 1),
            "width": round(WIDTH / BINS, 1),
            "height": round(HEIGHT * share / top, 1),
        }
        for edge, share in zip(edges, shares, strict=False)
        if share
    ]


def _reliability(bins: Sequence[Reliability]) -> list[dict[str, float]]:
    most = max((b.count for b in bins), default=1)
    return [
        {
            "x": round(WIDTH * b.probability, 1),
            "y": round(HEIGHT * (1 - b.right), 1),
            "r": round(3 + 9 * math.sqrt(b.count / most), 1),
        }
        for b in bins
        if b.count
    ]


def _worst(findings: Findings) -> list[dict[str, object]]:
    high = sorted(findings.nonmated, key=lambda s: -s.score)[:WORST]
    wrong = sorted((s for s in findings.mated if not s.right), key=lambda s: -s.score)[:WORST]
    low = sorted((s for s in findings.mated if s.right), key=lambda s: s.score)[:WORST]
    limit = findings.threshold
    return [
        {
            "title": f"Strangers who score highest (named from {limit:.3f} on)",
            "faces": _faces(high),
        },
        {"title": "People who are most like somebody else", "faces": _faces(wrong)},
        {"title": "People who score lowest for their own name", "faces": _faces(low)},
    ]


def _faces(searches: Sequence[Search]) -> list[dict[str, str]]:
    return [
        {
            "picture": _thumbnail(s.path),
            "text": s.person if s.right else f"{s.person}, most like {s.best}",
            "path": f"{s.score:.3f} {s.path}",
        }
        for s in searches
    ]


def _thumbnail(path: Path) -> str:
    bgr = read_picture(path)
    scale = min(1.0, PICTURE_PX / max(bgr.shape[:2]))
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small)
    return base64.b64encode(encoded.tobytes()).decode()
