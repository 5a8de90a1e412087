"""Ray's own words: never where JSON is."""

import subprocess
import sys

import pytest

PROGRAM = """
import ray
from gallery.enrol.ray_engine import ray_of

shutdown = ray.shutdown

def talking():
    print("(raylet) Task failed")
    shutdown()

ray.shutdown = talking
with ray_of("timeline", "local", 1):
    print("connected")
"""


def test_what_ray_says_as_it_shuts_down_is_not_on_stdout() -> None:
    """It holds back what it was told twice, as of a dead worker, and says it then."""
    pytest.importorskip("ray", reason='pip install "tvradar[cloud]"')
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout == ""
    assert "Task failed" in told.stderr
