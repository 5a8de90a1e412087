"""The thread that names late: it gives way to recognition, and its failure ends nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge.device.beside import Beside
from edge.device.hindsight import BUSY_EVERY_S, Hindsight
from edge.hindsight.late_names import LateNames
from edge.recognise.commands import Commands
from edge.recognise.evidence import TrackState
from edge.recognise.press_history import PressHistory
from edge.recognise.scene import Face, Scene
from edge.recognise.step import Step, Tracked
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import Track
from edge.serve.metrics import Metrics
from edge.timeline.live import Appearing
from engines.pipeline import unit
from engines.scores.model import score_model
from gallery.errors import GalleryError
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "sface-2021dec"
VECTORS = [unit(row) for row in np.random.default_rng(0).standard_normal((4, 128)).astype("f4")]


class Device:
    """A device whose load, clock and gallery a test sets."""

    def __init__(self, folder: Path) -> None:
        people = [Person(f"p{n}", {"en": f"P{n}"}) for n in range(4)]
        create_gallery(folder, people, np.stack(VECTORS), np.arange(4, dtype=np.int32), MODEL)
        self.people: Any = SimpleNamespace(gallery=open_gallery(folder))
        self.busy, self.now_s, self.failed = False, 0.0, [""]
        self.appearing, self.metrics = Appearing(), Metrics()
        self.hindsight = Hindsight(
            LateNames(Thresholds(0.01).prepare),
            self.people,
            Commands(),
            PressHistory(lambda _: None),
            self.appearing,
            self.metrics,
            lambda: self.busy,
            Beside(self.failed.append),
            lambda: self.now_s,
        )
        self.hindsight.start()

    def show(self, number: int, at_s: float) -> None:
        """Show p0 for one frame, as a track of this number, and end the shot."""
        template = TrackTemplate(score_model(MODEL))
        template.add(VECTORS[0], 11.0, 0.5, at_s)
        box = np.zeros(4, np.float32)
        track = Track(number, box, at_s, at_s, 0.9, hits=5)
        state = TrackState(track, template, 80.0, 0.1, 0.1, embedded_s=at_s)
        face = Face(number, (0, 0, 9, 9), None, 0.0, "profile")
        for faces, ended, shown in (((face,), (), (state,)), ((), (state,), ())):
            scene = Scene(at_s, 0, 640, 360, number, faces, 1)
            self.hindsight.take(Step(scene, Tracked(), ended, {}, 0, shown), at_s)
            at_s += 1.0

    def looks(self) -> float | None:
        return self.metrics.registry.get_sample_value(
            "tvradar_stage_seconds_count", {"stage": "hindsight"}
        )


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path / "gallery")
    yield made
    made.hindsight.close()


def test_who_was_seen_is_told_when_the_track_is_over(device: Device) -> None:
    device.show(0, 0.0)
    until(lambda: [i.start_s for i in device.appearing.of("p0")] == [0.0])


def test_a_busy_device_looks_back_more_seldom_but_does(device: Device) -> None:
    device.busy = True
    for number in range(3):
        device.show(number, 3.0 * number)
    assert device.looks() == 0.0
    device.now_s = BUSY_EVERY_S
    device.show(3, 9.0)
    until(lambda: device.appearing.of("p0"))


def test_a_failure_is_counted_and_the_next_look_goes_on(device: Device) -> None:
    whole = device.people.gallery

    class Broken:
        identity = "another"

        def __getattr__(self, _name: str) -> Any:
            raise GalleryError("the disk went bad")

    device.people.gallery = Broken()
    device.show(0, 0.0)
    until(lambda: device.failed[-1] == "hindsight")
    device.people.gallery = whole
    device.show(1, 3.0)
    until(lambda: [i.start_s for i in device.appearing.of("p0")] == [0.0, 3.0])
