"""A small fleet of simulated devices; `tools/fleet_sim.py` runs 2,000."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gallery.channel.backoff import BASE_S
from tests.integration.conftest import tool

if TYPE_CHECKING:
    from tests.integration.sync.conftest import Mosquitto

DEVICES = 50


def test_all_devices_come_to_the_release_and_back_after_an_outage(mosquitto: Mosquitto) -> None:
    del mosquitto  # skips where there is none
    pytest.importorskip("aiomqtt")
    ran = tool(
        *("fleet_sim.py", "--devices", DEVICES, "--rounds", "1"),
        *("--people", "2000", "--changed", "100", "--outage-s", "1"),
    )
    assert ran.code == 0, ran.err[-3000:]
    found = ran.json
    (one,) = found["rounds"]
    assert one["broker_restarted"]
    assert one["current"] == DEVICES
    assert found["fleet"]["current"] == DEVICES
    # Nobody waits longer than the outage took, or the shortest delay; connecting has ten seconds.
    assert found["herd"]["reconnected"] == DEVICES
    for seconds in found["herd"]["seconds"]:
        assert seconds["p100_s"] < max(BASE_S, found["herd"]["outage_s"]) + 10.0
    assert found["herd"]["attempts_per_device"] >= 1
