"""A bounded share of the kill -9 trials; `tools/sync_trials/kill.py` runs the whole counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[3] / "tools" / "sync_trials" / "kill.py"


def test_kill_9_of_device_broker_publisher_and_chunk_server() -> None:
    command = [sys.executable, str(TOOL), "--mib", "6"]
    command += ["--device", "6", "--broker", "2", "--publisher", "2", "--server", "2"]
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    results = json.loads(done.stdout)
    for name in ("device", "broker", "publisher", "server"):
        assert results[name]["right"] == results[name]["releases_completed"] >= 1, results
        assert results[name]["chunks_twice"] == 0, results
