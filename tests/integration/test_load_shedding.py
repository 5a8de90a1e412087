"""A device whose detector is too slow sheds load, says so, and answers a press all the same."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from edge.config import RunConfig, ServeConfig
from edge.demo.material import gallery_of
from edge.device.app import App
from engines.detector import YunetDetector
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pipeline import VIDEO_MIN_SCORE, FacePipeline, load_pipeline
from tests.integration.demo_process import material
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

    from engines.detections import Detections

pytestmark = pytest.mark.alone


class Slow(YunetDetector):
    """A detector that takes 150 ms more."""

    def detect(self, *words: Any, **options: Any) -> Detections:
        time.sleep(0.15)
        return super().detect(*words, **options)


def load_slow(**options: Any) -> FacePipeline:
    loaded = load_pipeline(**options)
    engine = OnnxRuntimeEngine(fetch("yunet"), threads=options["threads"])
    slow = Slow(
        engine, min_score=VIDEO_MIN_SCORE, long_side_px=options["long_side_px"], blended=True
    )
    return FacePipeline(slow, loaded.embedder, loaded.model)


def test_a_slow_detector_is_asked_less(tmp_path: Path) -> None:
    gallery_of(material().people_dir, tmp_path / "gallery")
    film = str(material().video_path)
    config = RunConfig(source=film, loop=True, serve=ServeConfig(port=0))
    app = App(config, tmp_path / "gallery", load=load_slow)
    app.start()
    try:
        until(lambda: app.shedder.level >= 1)
        url = app.server.url
        with urllib.request.urlopen(url + "api/status") as answer:
            assert json.load(answer)["load_shedding"]["why"] == "load"
        until(
            lambda: (
                b"tvradar_load_shedding_level 0.0"
                not in urllib.request.urlopen(url + "metrics").read()
            )
        )
        request = urllib.request.Request(url + "api/press", b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert {"people", "press"} <= set(json.load(answer))
    finally:
        app.close()
