"""What the units promise, and what field.md says of it: exposure and limits."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"
EXPOSURE = {"tvradar": 1.8, "tvradar-sync": 1.4, "tvradar-engines": 1.3}


@pytest.mark.parametrize(("unit", "most"), EXPOSURE.items())
def test_exposure(unit: str, most: float) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    command = ["systemd-analyze", "security", "--offline=true", str(UNITS / f"{unit}.service")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", ran.stdout)
    assert found, ran
    assert float(found[1]) <= most


def test_the_page_says_the_same() -> None:
    told = (ROOT / "docs" / "field.md").read_text()
    assert "1.8 and 1.4, for the engines 1.3" in told


@pytest.mark.parametrize("unit", EXPOSURE)
def test_descriptors_and_the_time_to_end_are_bounded(unit: str) -> None:
    text = (UNITS / f"{unit}.service").read_text()
    assert 512 <= int(re.findall(r"^LimitNOFILE=(\d+)$", text, re.MULTILINE)[0]) <= 4096
    assert 5 < int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) <= 10
