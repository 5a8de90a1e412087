"""Calibrate the real models on a few real faces, in a cache of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from engines.choose import open_engine
from engines.errors import EngineGateError, ModelMissingError
from engines.fetch import fetch
from engines.graph import Graph
from engines.int8_files import current_int8, require_int8

pytestmark = pytest.mark.data
PEOPLE, PICTURES = 12, 16


@pytest.fixture(scope="module")
def images(data_dir, tmp_path_factory) -> Path:
    """Return twelve people with 16 pictures each: four calibrate, eight test."""
    root = tmp_path_factory.mktemp("people")
    for person in sorted((data_dir / "actors").iterdir())[:PEOPLE]:
        (root / person.name).mkdir()
        for picture in sorted(person.iterdir())[:PICTURES]:
            shutil.copy(picture, root / person.name)
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """Return a cache folder that has only the FP32 models."""
    root = tmp_path_factory.mktemp("cache")
    (root / "models").mkdir()
    for name in ("sface", "yunet"):
        path = fetch(name)
        for file in (path, path.with_suffix(".sha256")):
            shutil.copy(file, root / "models")
    return root


def _command(cache: Path, *words: object) -> tuple[list[str], dict[str, str]]:
    code = (
        "import sys; from edge.cli_calibrate import app\n"
        "try: app()\n"
        "except Exception as e: print(e, file=sys.stderr); sys.exit(getattr(e, 'exit_code', 1))"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    return command, {**os.environ, "TVRADAR_CACHE": str(cache)}


def _calibrate(cache: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command, env = _command(cache, *words)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def calibrated(cache, images) -> tuple[Path, dict]:
    done = _calibrate(cache, "int8", "--images", images, "--json")
    assert done.returncode == 0, done.stderr
    return cache, json.loads(done.stdout)


def test_the_gate_passes_on_people_who_were_not_calibrated_with(calibrated) -> None:
    _, report = calibrated
    assert report["passed"]
    assert report["people"] == 8
    assert report["cosine"]["mean"] >= 0.995
    assert report["cosine"]["p1"] >= 0.985
    assert report["file_mb"] < 11


def test_a_perturbed_file_is_refused_and_fails_the_gate(
    calibrated, images, tmp_path, monkeypatch
) -> None:
    cache, report = calibrated
    drifted = tmp_path / "drifted"
    shutil.copytree(cache, drifted)
    path = drifted / "models" / Path(report["file"]).name
    graph = Graph.of(onnx.load(path))
    name = next(n.input[0] for n in graph.nodes if n.output[0] == "conv_8_batchnorm.wd")
    weight = graph.constants[name]
    graph.constants[name] = np.roll(weight, 1, axis=0)
    onnx.save(graph.model(), path)

    monkeypatch.setenv("TVRADAR_CACHE", str(drifted))
    with pytest.raises(EngineGateError, match="changed since the parity gate ran") as refused:
        open_engine("sface", precision="int8")
    assert refused.value.exit_code == 3
    assert open_engine("sface", precision="auto").kind == "onnxruntime fp32"
    assert "unverified" in open_engine("sface", precision="int8", unverified=True).kind

    done = _calibrate(drifted, "report", "--images", images, "--json")
    assert done.returncode == 3
    figures = json.loads(done.stdout)
    assert not figures["passed"]
    assert figures["cosine"]["mean"] < 0.9
    with pytest.raises(EngineGateError, match=r"cosine mean -?0\.\d+, at least 0\.995"):
        open_engine("sface", precision="int8")


def test_a_killed_run_goes_on_to_the_same_bytes(calibrated, images, tmp_path) -> None:
    cache, report = calibrated
    fresh = tmp_path / "fresh"
    shutil.copytree(cache, fresh, ignore=shutil.ignore_patterns("*int8*", "calibration"))
    command, env = _command(fresh, "int8", "--images", images, "--json")
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(fresh.glob("calibration/*/ranges.npz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list((fresh / "models").glob("*int8*.onnx"))
    assert list(fresh.glob("calibration/*/ranges.npz"))
    done = _calibrate(fresh, "int8", "--images", images, "--json")
    assert done.returncode == 0, done.stderr
    assert not list(fresh.glob("calibration/*/*"))
    path = Path(json.loads(done.stdout)["file"])
    assert path.read_bytes() == Path(report["file"]).read_bytes()


def test_without_a_file_the_command_to_make_one_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    assert current_int8("sface") is None
    with pytest.raises(ModelMissingError, match="tvradar calibrate int8 --model sface"):
        require_int8("sface")


def test_a_folder_without_pictures_is_refused(cache, tmp_path) -> None:
    done = _calibrate(cache, "int8", "--images", tmp_path)
    assert done.returncode == 2
    assert "no pictures" in done.stderr
