"""What set-up says while it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.install_packages import Progress

if TYPE_CHECKING:
    import pytest


def test_packages_and_megabytes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.take("Collecting numpy>=2.0\n")
    progress.take("  Using cached numpy-2.4.6.whl.metadata (6.6 kB)\n")
    for _ in range(9):
        progress.take("  Using cached numpy-2.4.6-cp311-manylinux.whl (16.5 MB)\n")
    progress.take("Downloading msgspec-0.20.0-cp311.whl (219 kB)\n")
    progress.take("Installing collected packages: numpy, msgspec\n")
    assert (progress.packages, round(progress.mb, 1)) == (10, 148.7)
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("] ")[2] for line in told] == [
        "10 packages, 149 MB, msgspec",
        "10 packages, 149 MB, unpacking",
    ]


def test_without_an_index_its_last_line_says_what_to_do(tmp_path: Path) -> None:
    here = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    here |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    tool = Path(__file__).parents[2] / "tools/install_packages.py"
    words = [sys.executable, tool, "--target", tmp_path, "--retries", "0", "nosuchpackage"]
    done = subprocess.run(words, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("packages: no index of packages answers, expected a network")
    assert "make deb" in last
