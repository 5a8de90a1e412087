"""A soak of 72 s, in CI only; three minutes with TVRADAR_LONG_TESTS; `tools/soak.py`: hours."""

from __future__ import annotations

import os
import shutil

import pytest

from edge.testbed.local_cloud import PLACES
from tests.integration.conftest import tool
from tests.integration.demo_process import material

MINUTES, EVENTS = (3.0, 5) if os.environ.get("TVRADAR_LONG_TESTS") else (1.2, 4)


@pytest.mark.skipif(not os.environ.get("CI"), reason="takes a minute: set CI=true")
@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_nothing_grows_through_losses_swaps_and_restarts() -> None:
    material()
    ran = tool("soak.py", "--minutes", MINUTES, "--events", EVENTS, "--json", timeout_s=600)
    assert ran.out, ran.err
    found = ran.json
    assert found["wrong"] == []
    assert found["events"] == dict.fromkeys(("swap", "lose_source", "restart_broker"), EVENTS)
    assert found["presses"] > 40 * MINUTES
