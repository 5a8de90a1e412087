"""The page of an evaluation: its curve, and what it shows of people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.openset.evaluate import Searches, threshold_at
from calibration.openset.report import Findings, Search, det_curve, to_html
from engines.scores.probability import Reliability

if TYPE_CHECKING:
    from pathlib import Path

SCORES = st.lists(st.floats(-1, 1).map(lambda score: round(score, 3)), min_size=1, max_size=40)


def searches(scores: list[float], *, right: bool) -> Searches:
    return Searches(
        np.array(["p"] * len(scores)), np.array(scores), np.full(len(scores), right, bool)
    )


@given(own=SCORES, strangers=SCORES)
def test_the_curve_says_what_each_threshold_does(own: list[float], strangers: list[float]) -> None:
    mated, nonmated = searches(own, right=True), searches(strangers, right=False)
    named, missed = det_curve(mated, nonmated)
    assert named[0] == 1
    assert (named[-1], missed[-1]) == (0, 1)
    assert (np.diff(named) <= 0).all()
    assert (np.diff(missed) >= 0).all()
    for rate in (0.0, 0.1, 0.5):
        threshold = threshold_at(nonmated.scores, rate)
        expected = float((mated.scores < threshold).mean())
        assert missed[named <= rate].min() == pytest.approx(expected)


@pytest.fixture
def page(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        path = tmp_path / f"<b>{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (200, 300, 3), np.uint8))
        rows.append(Search("<script>", path, 0.2 + number / 50, "<script>" if number else "other"))
    strangers = [Search("stranger", rows[0].path, 0.1 + n / 100, "<script>") for n in range(20)]
    findings = Findings(
        "<title>",
        [("rank-1", "96.67%", "", "", "")],
        ["a note"],
        rows,
        strangers,
        0.4,
        0.0123,
        [Reliability(10, 0.2, 0.25)],
    )
    return to_html(findings)


def test_the_page_shows_the_worst_and_loads_nothing(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 12 + 1 + 12
    assert "stranger, most like &lt;script&gt;" in page
    assert "0.290" in page  # the highest stranger
    assert "Expected calibration error 0.012" in page


def test_the_curve_is_drawn_inside_its_axes(page: str) -> None:
    points = re.search(r'class="a" d="M([^"]+)"', page)
    assert points is not None
    for point in points[1].split(" L"):
        x, y = map(float, point.split())
        assert -0.1 <= x <= 300.1
        assert -0.1 <= y <= 240.1


def test_one_search_of_each_is_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8))
    row = Search("p", path, 0.5, "p")
    other = Search("stranger", path, 0.3, "p")
    findings = Findings("one", [], [], [row], [other], 0.4, 0.0, [])
    assert "stranger, most like p" in to_html(findings)
