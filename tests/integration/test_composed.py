"""Promised rates and probabilities on 3,120 composed tracks of real people; takes minutes."""

import os
from pathlib import Path

import pytest

from tests.integration.conftest import tool

pytestmark = pytest.mark.skipif(
    not os.environ.get("TVRADAR_LONG_TESTS"), reason="takes minutes: set TVRADAR_LONG_TESTS=1"
)


@pytest.fixture(scope="module")
def figures(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    kept = os.environ.get("TVRADAR_COMPOSED") or tmp_path_factory.mktemp("composed")
    ran = tool(
        *("evaluate_composed.py", data_dir / "actors", data_dir / "sitcom" / "portraits"),
        *("--keep", kept),
        timeout_s=3000,
    )
    assert ran.code == 0, ran.err
    return ran.json


@pytest.mark.parametrize("size", [12, 1000, 100_000])
def test_the_promise_is_kept_on_people_that_taught_nothing(figures: dict, size: int) -> None:
    measured, low, high = figures["held_out"][f"13_teach_gallery_{size}_at_0.003"]
    assert 0.001 <= measured <= 0.006
    assert low < measured < high


def test_probabilities_are_right_on_held_out_people(figures: dict) -> None:
    assert all(half["ece"] <= 0.05 for half in figures["probability"].values())


def test_the_template_beats_the_best_frame_by_three_points_and_the_vote(figures: dict) -> None:
    gains = figures["template_gains"]
    assert gains["single best frame"][1] >= 0.03, "the lower end of the interval"
    assert gains["area-weighted vote"][1] > 0
