"""A small fleet of simulated devices; `tools/fleet_sim.py` runs 2,000."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gallery.sync.backoff import BASE_S

if TYPE_CHECKING:
    from tests.integration.sync.conftest import Mosquitto

TOOL = Path(__file__).resolve().parents[3] / "tools" / "fleet_sim.py"
DEVICES = 50


def test_all_devices_come_to_the_release_and_back_after_an_outage(mosquitto: Mosquitto) -> None:
    del mosquitto  # skips where there is none
    pytest.importorskip("aiomqtt")
    command = [sys.executable, str(TOOL), "--devices", str(DEVICES), "--rounds", "1"]
    command += ["--people", "2000", "--changed", "100", "--outage-s", "1"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    found = json.loads(done.stdout)
    (one,) = found["rounds"]
    assert one["broker_restarted"]
    assert one["current"] == DEVICES
    assert found["fleet"]["current"] == DEVICES
    # Nobody waits longer than the outage took, or the shortest delay; the rest is connecting.
    assert found["herd"]["reconnected"] == DEVICES
    for seconds in found["herd"]["seconds"]:
        assert seconds["p100_s"] < max(BASE_S, found["herd"]["outage_s"]) + 3.0
    assert found["herd"]["attempts_per_device"] >= 1
