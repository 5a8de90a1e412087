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
from tests.integration.conftest import until
from tests.integration.demo_process import material

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engines.detections import Detections

pytestmark = pytest.mark.alone


def slowed(detect: Callable[..., Detections], seconds: float) -> Callable[..., Detections]:
    def found(*words: Any, **options: Any) -> Detections:
        time.sleep(seconds)
        return detect(*words, **options)

    return found


def test_a_slow_detector_is_asked_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery_of(material().people_dir, tmp_path / "gallery")
    monkeypatch.setattr(YunetDetector, "detect", slowed(YunetDetector.detect, 0.15))
    film = str(material().video_path)
    app = App(RunConfig(source=film, loop=True, serve=ServeConfig(port=0)), tmp_path / "gallery")
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
