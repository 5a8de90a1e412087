"""`tvradar` in a pipeline of GStreamer, in Debian's Python; skipped without its loader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.free import SECOND, STAR, Free
from tests.integration.conftest import ROOT, tvradar

ENV = {
    **os.environ,
    # The loader's Python looks for its modules beside the first `python3` of the path.
    "PATH": f"/usr/bin:{os.environ['PATH']}",
    "GST_PLUGIN_PATH": str(ROOT / "edge" / "clients" / "gstreamer"),
    "TVRADAR_VENV": sys.prefix,
}
PYTHON = "/usr/bin/python3"
DRIVER = Path(__file__).with_name("gst_pipeline.py")


def pipeline(*words: object) -> Any:
    done = subprocess.run(
        [PYTHON, str(DRIVER), *map(str, words)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def _element(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not list(Path("/usr/lib").glob("*/gstreamer-1.0/libgstpython.so")):
        pytest.skip("gstreamer1.0-python3-plugin-loader is not installed")
    try:
        words = [PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
        version = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Debian's Python is not here: {error}")
    if version != [str(n) for n in sys.version_info[:2]]:
        pytest.skip(f"the loader runs Python {'.'.join(version)}, these tests another one")
    # A registry of its own: the user's may hold that the loader could not be loaded once.
    ENV["GST_REGISTRY"] = str(tmp_path_factory.mktemp("gstreamer") / "registry.bin")


def test_same_people_as_identify(free: Free, few: Path) -> None:
    told = pipeline(free.clip, few, "overlay=true")
    found = tvradar("identify", free.clip, "--gallery", few, "--json").json

    assert told["error"] is None
    assert {p["id"] for p in told["people"]} == {p["id"] for p in found["people"]} == {STAR, SECOND}
    by_id = {p["id"]: p for p in told["people"]}
    for person in found["people"]:
        live = by_id[person["id"]]
        assert abs(live["first_s"] - person["first_s"]) < 0.3
        assert abs(live["last_s"] - person["last_s"]) < 0.3
    assert len(told["scenes"]) < 30  # only what changes is told
    named = {f["id"] for scene in told["scenes"] for f in scene["faces"]}
    assert named == {STAR, SECOND, None}
    assert {who: len(boxes) for who, boxes in told["faces"].items()} == {
        STAR: by_id[STAR]["frames"],
        SECOND: by_id[SECOND]["frames"],
        "-": len(told["faces"]["-"]),
    }
    assert told["drawn"] > 150  # frames whose pixels are others than those that came


def test_wrong_use_ends_the_pipeline_with_a_reason(free: Free, few: Path, tmp_path: Path) -> None:
    assert "no gallery there" in pipeline(free.clip, tmp_path / "none")["error"]
    assert "expected changes, frames, none" in pipeline(free.clip, few, "messages=x")["error"]
    assert "ann not in the gallery" in pipeline(free.clip, few, "cast=ann")["error"]
