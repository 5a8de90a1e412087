"""Scenes go to sinks of one kind: the page, the counters, the updater's heartbeat."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge.device.beside import Beside, MayFail
from edge.device.counting import Counting
from edge.device.heartbeat import Heartbeat
from edge.recognise.press_history import PressHistory
from edge.recognise.scene import Face, Scene
from edge.recognise.step import Step, Tracked
from edge.serve.live import Hub
from edge.serve.metrics import Metrics
from edge.serve.overlay import Overlay, Pictures
from edge.serve.preview import Preview
from edge.timeline.live import Appearing
from edge.video.frame import Frame
from gallery.channel.health import HeartbeatFile
from tests.serving import PEOPLE, People, Player, face

if TYPE_CHECKING:
    from pathlib import Path

    from edge.recognise.sink import SceneSink

BGR = np.zeros((360, 640, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(BGR, index / 25, index, time.monotonic_ns())


def scene(index: int, *faces: Face) -> Scene:
    return Scene(index / 25, index, 640, 360, 0, faces, 3)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_page_hears_who_is_where_and_in_which_place_of_the_source() -> None:
    hub, appearing, player = Hub(People(PEOPLE)), Appearing(), Player()
    overlay: SceneSink = Overlay(hub, player, appearing)
    overlay.take(frame(5), scene(5, face(1, 60, "ada")))
    overlay.take(frame(6), scene(6, face(1, 60, "ada"), face(2, 300, None, "profile")))
    message = json.loads(hub.newest)
    assert message["position_s"] == pytest.approx(6 / 25)
    assert [f.get("id") for f in message["faces"]] == ["ada", None]
    assert [i.start_s for i in appearing.of("ada")] == pytest.approx([5 / 25])
    player.why_not = "live"
    overlay.take(frame(7), scene(7))
    assert "position_s" not in json.loads(hub.newest)


def test_the_preview_sends_the_picture_of_its_scene() -> None:
    hub, preview = Hub(People(PEOPLE)), Preview()
    sinks: tuple[SceneSink, ...] = (Overlay(hub, Player(), Appearing()), Pictures(hub, preview))
    for sink in sinks:
        sink.take(frame(1), scene(1))
    assert preview.newest == b""  # nobody looks
    preview.join()
    for sink in sinks:
        sink.take(frame(2), scene(2))
    length = int.from_bytes(preview.newest[:4], "little")
    assert json.loads(preview.newest[4 : 4 + length])["frame"] == 2
    assert preview.newest[4 + length :].startswith(b"\xff\xd8")


def test_the_counters_tell_frames_faces_stages_and_the_release() -> None:
    metrics = Metrics()
    gallery: Any = SimpleNamespace(release=3, created_s=17.0, people_count=len(PEOPLE))
    reader: Any = SimpleNamespace(dropped=4)
    counting = Counting(metrics, SimpleNamespace(gallery=gallery), reader)  # type: ignore[arg-type]
    shown = scene(1, face(1, 60, "ada"), face(2, 300, None, "profile"))
    counting.cost(Step(shown, Tracked(), (), {"detect": 0.003, "embed": 0.02}, flips=2))
    counting.take(frame(1), shown)
    reader.dropped = 9
    counting.take(frame(2), scene(2))
    assert value(metrics, "tvradar_frames_total") == 2
    assert value(metrics, "tvradar_frames_dropped_total") == 9
    assert value(metrics, "tvradar_faces_total", outcome="named") == 1
    assert value(metrics, "tvradar_faces_total", outcome="profile") == 1
    assert value(metrics, "tvradar_stage_seconds_sum", stage="embed") == 0.02
    assert value(metrics, "tvradar_name_flips_total") == 2
    assert value(metrics, "tvradar_gallery_release") == 3
    assert value(metrics, "tvradar_gallery_people") == len(PEOPLE)


def test_the_heartbeat_tells_release_error_and_share_of_names(tmp_path: Path) -> None:
    path, error = tmp_path / "pulse.json", [""]
    heartbeat = Heartbeat(str(path), lambda: error[0])
    heartbeat.take(frame(1), scene(1, face(1, 60, "ada"), face(2, 300, None, "profile")))
    first = HeartbeatFile(path).read()
    assert first is not None
    assert (first.release, first.error, first.named_share) == (3, "", 0.5)
    error[0] = "release 4 is damaged"
    heartbeat.take(frame(2), scene(2))
    told = HeartbeatFile(path).read()
    assert told is not None
    assert told.error == "release 4 is damaged"


def test_presses_are_answered_from_the_scenes_that_were_taken() -> None:
    history = PressHistory(People(PEOPLE).person)
    sink: SceneSink = history
    sink.take(frame(1), scene(1, face(1, 60, "ada")))
    assert [p.id for p in history.press().people] == ["ada"]


def test_a_sink_that_may_fail_ends_nothing_and_is_counted() -> None:
    class Full:
        def take(self, _frame: Frame, scene: Scene) -> None:
            if scene.index == 1:
                raise OSError("no space left")
            taken.append(scene.index)

    taken: list[int] = []
    failed: list[str] = []
    sink: SceneSink = MayFail(Beside(failed.append), "disk", Full())
    for index in (1, 2):
        sink.take(frame(index), scene(index))
    assert (failed, taken) == (["disk"], [2])
