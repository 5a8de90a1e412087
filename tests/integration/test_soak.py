"""Three minutes of the soak, in CI only; `tools/soak.py` runs it for hours."""

from __future__ import annotations

import os
import shutil

import pytest

from edge.testbed.local_cloud import PLACES
from tests.integration.conftest import tool
from tests.integration.demo_process import material


@pytest.mark.skipif(not os.environ.get("CI"), reason="takes three minutes: set CI=true")
@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_nothing_grows_through_losses_swaps_and_restarts() -> None:
    material()
    ran = tool("soak.py", "--minutes", "3", "--events", "5", "--json", timeout_s=600)
    assert ran.out, ran.err
    found = ran.json
    assert found["wrong"] == []
    assert found["events"] == {"swap": 5, "lose_source": 5, "restart_broker": 5}
    assert found["presses"] > 120
