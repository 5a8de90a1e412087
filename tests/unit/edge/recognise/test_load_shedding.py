"""The budget under load and heat; time and temperatures are the test's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.detection_schedule import DetectionSchedule
from edge.recognise.load_shedding import LEVELS, LoadShedder, Zone, read_zones
from edge.recognise.recogniser import COAST_S
from edge.recognise.track import Track

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Device:
    """A thread that works for a share of each second, in a place of some temperature."""

    now: float = 0.0
    celsius: float = 40.0

    def __post_init__(self) -> None:
        self.shedder = LoadShedder(self.zones, lambda: self.now)

    def zones(self) -> list[Zone]:
        return [Zone("cpu-thermal", self.celsius, 99.0), Zone("odd", 120.0, None)]

    def run(self, share: float, seconds: int) -> list[int]:
        levels = []
        for _ in range(seconds):
            self.now += 1.0
            self.shedder.worked(share)
            levels.append(self.shedder.level)
        return levels


def test_a_busy_device_sheds_load_step_by_step_and_an_idle_one_takes_it_back() -> None:
    device = Device()
    assert device.run(0.7, 10) == [0] * 10
    assert device.run(0.95, 5) == [1, 2, 3, 3, 3]
    assert device.shedder.why == "load"
    assert device.run(0.7, 20) == [3] * 20
    assert device.run(0.2, 15) == [3] * 4 + [2] * 5 + [1] * 5 + [0]
    assert device.shedder.why == ""


def test_what_did_not_hold_is_tried_more_rarely() -> None:
    device, waits = Device(), []
    for _ in range(5):
        assert device.run(0.95, 1) == [1]
        wait = 0
        while device.shedder.level:
            device.run(0.2, 1)
            wait += 1
        waits.append(wait)
    assert waits == [5, 10, 20, 40, 60]


def test_heat_counts_before_the_kernel_throttles() -> None:
    device = Device()
    assert device.run(0.1, 10) == [0] * 10
    device.celsius = 96.5
    assert max(device.run(0.1, 12)) == len(LEVELS) - 1
    assert device.shedder.why == "heat"
    device.celsius = 80
    assert device.run(0.1, 30)[-1] == 0


def test_zones_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    def zone(number: int, **files: str) -> None:
        folder = tmp_path / f"thermal_zone{number}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text + "\n")

    zone(
        0,
        type="cpu-thermal",
        temp="51250",
        trip_point_0_type="critical",
        trip_point_0_temp="104500",
        trip_point_1_type="passive",
        trip_point_1_temp="99000",
        trip_point_2_type="hot",
        trip_point_2_temp="-274000",
    )
    zone(1, type="gpu-thermal", temp="nonsense")
    zone(2, type="tj-thermal", temp="52000")
    (tmp_path / "cooling_device0").mkdir()
    assert read_zones(tmp_path) == [
        Zone("cpu-thermal", 51.25, 99.0),
        Zone("tj-thermal", 52.0, None),
    ]
    assert read_zones(tmp_path / "none") == []


def test_faces_do_not_vanish_between_two_looks() -> None:
    assert all(budget.gap_s < COAST_S for budget in LEVELS)
    assert [b.gap_s for b in LEVELS] == sorted(b.gap_s for b in LEVELS)


def _lost_share(*, shedding: bool) -> float:
    """Play a minute at 25 frames a second to a detector of 70 ms, while something moves."""
    now = 0.0
    shedder, schedule = LoadShedder(list, lambda: now), DetectionSchedule()
    lost = frames = newest = 0
    while now < 60:
        now = max(now, (newest + 1) * 0.04)
        number = int(now / 0.04 + 1e-6)  # the newest wins
        if now > 10:
            lost, frames = lost + number - newest - 1, frames + 1
        newest, begun, pts_s = number, now, number * 0.04
        now += 0.004
        if schedule.due(pts_s, shedder.budget().gap_s if shedding else 0.0):
            now += 0.070
            schedule.detected(pts_s, [Track(1, np.zeros(4, np.float32), pts_s, pts_s, 0.9)])
        shedder.worked(now - begun)
    return lost / (lost + frames)


def test_fewer_frames_are_lost_where_detection_is_too_slow() -> None:
    assert _lost_share(shedding=False) > 0.4
    assert _lost_share(shedding=True) < 0.3


def test_frames_that_wait_get_fewer_passes_and_none_of_a_level_is_given_back() -> None:
    shedder = Device().shedder
    assert shedder.budget() == LEVELS[0]
    gaps = [shedder.budget(waiting).gap_s for waiting in range(5)]
    assert gaps == sorted(gaps)
    assert gaps[1] > 0
    assert gaps[-1] <= COAST_S  # boxes would be gone before the next pass
    shedder.level = len(LEVELS) - 1
    assert shedder.budget(1) == LEVELS[-1]
