"""A bounded share of the kill -9 trials; `tools/sync_trials/kill.py` runs the whole counts."""

from __future__ import annotations

from tests.integration.conftest import tool


def test_kill_9_of_device_broker_publisher_and_chunk_server() -> None:
    ran = tool(
        *("sync_trials/kill.py", "--mib", "6"),
        *("--device", "6", "--broker", "2", "--publisher", "2", "--server", "2"),
    )
    assert ran.code == 0, ran.err[-3000:]
    for name in ("device", "broker", "publisher", "server"):
        found = ran.json[name]
        assert found["right"] == found["releases_completed"] >= 1, ran.out
        assert found["chunks_twice"] == 0, ran.out
