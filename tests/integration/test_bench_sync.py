"""`bench sync` on a small snapshot: what it measures is there; the time is not judged here."""

from __future__ import annotations

import shutil

import pytest

from edge.testbed.local_cloud import PLACES
from tests.integration.conftest import tvradar
from tests.integration.demo_process import material


@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_presses_are_measured_alone_and_during_syncs() -> None:
    material()
    ran = tvradar("bench", "sync", "--mib", "4", "--presses", "5", "--json")
    assert ran.code == 0, ran
    found = ran.json
    assert 4 < found["mb"] < 5
    assert found["syncs"] >= 1
    assert found["updater_nice"] == 10
    for side in (found["alone"], found["syncing"]):
        assert side["presses"] >= 5
        assert side["frames_per_s"] > 1  # the recogniser was hot
        assert 0 < side["first_ms"]["p50"] <= side["first_ms"]["p95"] <= side["first_ms"]["p99"]
        assert side["refined_ms"]["p50"] > 300
    ratio = found["syncing"]["first_ms"]["p95"] / found["alone"]["first_ms"]["p95"]
    assert found["ratio_first_p95"] == pytest.approx(ratio, abs=0.02)
