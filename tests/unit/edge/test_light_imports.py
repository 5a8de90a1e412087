"""What a process that runs for months loads: nothing that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = "import sys, json; import {}; print(json.dumps(sorted(sys.modules)))"


def loaded(module: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED.format(module)], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(ran.stdout)} | set(json.loads(ran.stdout))


@pytest.mark.parametrize("module", ["edge.device.app", "edge.home.home", "edge.device.heartbeat"])
def test_the_recogniser_loads_no_updater_no_tables_and_no_calibration(module: str) -> None:
    assert not loaded(module) & {
        "tuf", "securesystemslib", "cryptography", "rich", "typer", "calibration", "gallery.sync",
        "onnx", "jinja2",
    }  # fmt: skip


def test_the_updater_loads_no_model() -> None:
    assert not loaded("gallery.sync.service") & {"engines", "cv2", "onnxruntime", "onnx"}


def test_the_package_alone_loads_nothing() -> None:
    assert not loaded("edge") & {"cv2", "numpy", "onnxruntime", "engines", "gallery"}


def test_the_command_run_loads_no_more() -> None:
    """What `tvradar run` has loaded once its models and gallery are open; see also test_run."""
    assert not loaded("edge.cli.main, edge.cli.run, edge.device.app") & {
        "tuf", "securesystemslib", "cryptography", "rich", "calibration", "gallery.sync",
    }  # fmt: skip
