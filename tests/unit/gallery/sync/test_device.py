"""The updater's states, on a folder and by a clock that a test sets; the recogniser is a fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gallery.channel.errors import Refused
from gallery.channel.manifest import Rollout
from gallery.search.open import open_gallery
from gallery.store import store
from gallery.sync.device import Device, Phase
from tests.unit.gallery.conftest import MODEL
from tests.unit.gallery.sync.channel import Channel

if TYPE_CHECKING:
    from pathlib import Path


class Recogniser:
    """`Health`: says what a test sets."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.complaint: str | None = None
        self.in_use: bool | None = True

    def begin(self, release: int) -> None:
        self.begun.append(release)

    def verdict(self, _release: int) -> str | None:
        return self.complaint

    def serves(self, _release: int) -> bool | None:
        return self.in_use


class Tv:
    """A device, its recogniser and its clock; `restart` makes the device again from its disk."""

    def __init__(self, folder: Path, channel: Channel) -> None:
        self._folder, self._channel = folder, channel
        self.recogniser, self.now_s = Recogniser(), 1000.0
        self.phases: list[Phase] = []
        self.restart()

    def restart(self, model: str = MODEL) -> None:
        self.device = Device(
            self._folder / "gallery",
            self._folder / "state",
            self._channel.root,
            name="tv-1",
            model=model,
            health=self.recogniser,
            on_phase=lambda: self.phases.append(self.device.phase),
            clock=lambda: self.now_s,
        )

    def update(self) -> bool:
        return self.device.update(self._channel.metadata, self._channel.sources)

    def later(self, seconds: float) -> None:
        self.now_s += seconds
        self.device.tick()


@pytest.fixture
def channel(tmp_path: Path, population) -> Channel:
    made = Channel(tmp_path)
    made.publish(population.entries(range(3)), probation_s=0)
    return made


@pytest.fixture
def tv(channel: Channel, tmp_path: Path) -> Tv:
    made = Tv(tmp_path / "tv", channel)
    assert made.update()
    return made


def test_a_release_goes_through_all_phases(tv: Tv) -> None:
    assert tv.phases == [
        *(Phase.CHECK, Phase.FETCH, Phase.STAGE, Phase.COMMIT),
        *(Phase.PROBATION, Phase.CONFIRM, Phase.IDLE),
    ]
    assert tv.device.installed() == 1
    assert open_gallery(tv.device.gallery, MODEL).release == 1
    assert not tv.update()
    assert tv.recogniser.begun == [1]


def test_a_probation_is_confirmed_after_its_time(tv: Tv, channel: Channel, population) -> None:
    channel.publish(population.entries([7]), probation_s=60)
    tv.update()
    tv.later(59)
    assert tv.device.probation_left_s == pytest.approx(1)
    tv.later(1)
    assert tv.device.probation_left_s is None
    assert tv.device.states.state.floors["release"].version == 2


def test_a_complaint_brings_the_release_before_back(tv: Tv, channel: Channel, population) -> None:
    channel.publish(population.entries([7]))
    tv.update()
    tv.recogniser.complaint = "cannot use release 2"
    tv.later(1)
    assert tv.device.installed() == 1
    assert tv.device.error == "probation failed: cannot use release 2; back on release 1"
    tv.recogniser.complaint = None
    tv.restart()
    assert not tv.update()
    assert tv.device.waiting == "release 2 failed its probation here"


def test_a_recogniser_that_is_silent_is_waited_for(tv: Tv, channel: Channel, population) -> None:
    channel.publish(population.entries([7]))
    tv.update()
    tv.recogniser.in_use = None
    tv.later(600)
    assert tv.device.waiting == "probation of release 2: no heartbeat of the recogniser"
    tv.recogniser.in_use = True
    tv.later(1)
    assert tv.device.probation_left_s is None


def test_a_recogniser_that_does_not_take_it_up_loses_the_release(
    tv: Tv, channel: Channel, population
) -> None:
    channel.publish(population.entries([7]))
    tv.update()
    tv.recogniser.in_use = False
    tv.later(60)
    assert tv.device.installed() == 1
    assert "never took release 2 up" in tv.device.error


def test_a_restart_in_the_probation_starts_it_again(tv: Tv, channel: Channel, population) -> None:
    channel.publish(population.entries([7]))
    tv.update()
    tv.now_s += 59
    tv.restart()
    assert tv.device.phase is Phase.PROBATION
    assert tv.device.probation_left_s == pytest.approx(120)


def test_a_rollout_is_waited_for_by_the_devices_clock(tv: Tv, channel: Channel, population) -> None:
    channel.publish(population.entries([7]), rollout=Rollout("salt", share=0))
    assert not tv.update()
    assert tv.device.phase is Phase.WAIT
    assert tv.device.waiting == "rollout of release 2: not_yet"
    channel.publish(population.entries([8]), rollout=Rollout("salt", window_s=3600))
    assert not tv.update()
    assert tv.device.waiting == "rollout of release 3: later"
    tv.now_s += 3600
    assert tv.update()


def test_a_gallery_for_another_model_is_refused(channel: Channel, tmp_path: Path) -> None:
    tv = Tv(tmp_path / "tv", channel)
    tv.restart(model="another-1")
    with pytest.raises(Refused, match="model mismatch refused"):
        tv.update()
    assert tv.device.installed() == 0
    assert tv.device.states.state.refusals == 1
    with pytest.raises(Refused):
        tv.update()
    assert tv.device.states.state.refusals == 1  # the same one again wears out no disk


def test_what_is_lost_of_the_release_in_use_is_fetched_again(tv: Tv) -> None:
    release, folder = store.current_release(tv.device.gallery)
    (folder / release.files[0].name).unlink()
    assert not tv.update()
    assert tv.device.states.state.mended == 1
    assert not store.verify(tv.device.gallery)
