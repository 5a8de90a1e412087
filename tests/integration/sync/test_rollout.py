"""Stages, probation, and what a fleet's status is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gallery.channel.health import HeartbeatFile
from gallery.channel.manifest import Rollout
from gallery.channel.status import Status, encode, status_topic
from gallery.publish.content import Options
from gallery.publish.fleet import Fleet, summarise
from gallery.publish.rollout import RolloutControl
from gallery.store import store
from gallery.sync.rollout import Gate, bucket, delay_s, gate
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.sync.service import SyncService
    from tests.integration.sync.conftest import World


@pytest.fixture
def device(world: World) -> SyncService:
    """Return a device that has release 1, and whose recogniser has a heartbeat."""
    world.publish(seed=1)
    service = world.device("tv", heartbeat=world.folder / "pulse.json")
    service.once()
    service.device.tick()
    return service


def heartbeat(world: World) -> HeartbeatFile:
    return HeartbeatFile(world.folder / "pulse.json")


# Probation.


def test_a_release_that_crashes_the_recogniser_is_left(world: World, device: SyncService) -> None:
    heartbeat(world).beat(1, started=True)
    world.publish(seed=2, probation_s=60)
    assert device.once()
    assert device.device.installed() == 2
    for _ in range(3):
        heartbeat(world).beat(0, started=True)
    device.device.tick()
    assert device.device.installed() == 1
    assert "probation failed: the recogniser started 3 times" in device.status().error
    assert not device.status().healthy
    device.once()
    assert device.device.installed() == 1  # it is not tried again
    world.publish(seed=3)
    assert device.once()  # but a newer one is
    assert device.device.installed() == 3


def test_a_release_that_cannot_be_opened_is_left(world: World, device: SyncService) -> None:
    world.publish(seed=2, probation_s=60)
    device.once()
    heartbeat(world).beat(2, error="templates: dim 128, expected 512")
    device.device.tick()
    assert device.device.installed() == 1
    assert "expected 512" in device.status().error


def test_a_probation_that_a_restart_interrupted_goes_on(world: World, device: SyncService) -> None:
    world.publish(seed=2, probation_s=60)
    device.once()
    again = world.again(device)
    assert again.device.phase.value == "probation"
    assert not again.status().confirmed
    heartbeat(world).beat(2, error="bad")
    again.device.tick()
    assert again.device.installed() == 1


def test_a_restart_in_the_middle_of_leaving(world: World, device: SyncService) -> None:
    """The number is noted as rejected before the store goes back."""
    world.publish(seed=2, probation_s=60)
    device.once()
    device.device.states.change(rejected=(2,))
    assert world.again(device).device.installed() == 1


def test_probation_ends_well(world: World, device: SyncService) -> None:
    world.publish(seed=2, probation_s=0)
    device.once()
    assert device.status().confirmed
    assert device.device.states.state.floors["release"].version == 2


def test_a_recogniser_that_lives_without_the_release_is_reason_to_leave_it(
    world: World, device: SyncService
) -> None:
    heartbeat(world).beat(1, started=True)
    world.publish(seed=2, probation_s=60)
    device.once()
    for _ in range(2):
        world.wait(31)
        assert device.device.installed() == 2
        heartbeat(world).beat(1)
        device.device.tick()
    assert device.device.installed() == 1
    assert "lives and never took release 2 up; back on release 1" in device.status().error
    assert device.status().rejected == (2,)


def test_the_pulse_of_the_release_confirms_it_but_not_before_the_end(
    world: World, device: SyncService
) -> None:
    heartbeat(world).beat(1, started=True)
    world.publish(seed=2, probation_s=60)
    device.once()
    heartbeat(world).beat(2)
    device.device.tick()
    assert not device.status().confirmed
    world.wait(61)
    device.device.tick()
    assert device.status().confirmed
    assert device.device.installed() == 2


def test_a_silent_recogniser_is_waited_for(world: World, device: SyncService) -> None:
    """It may have no picture: no reason to leave the release, nor to confirm it at once."""
    heartbeat(world).beat(1, started=True)
    world.publish(seed=2, probation_s=60)
    device.once()
    world.wait(61)
    device.device.tick()
    assert device.device.installed() == 2
    assert not device.status().confirmed
    assert device.status().waiting == "probation of release 2: no heartbeat of the recogniser"
    world.wait(900)
    device.device.tick()
    assert device.status().confirmed
    assert device.status().waiting == ""


def test_where_no_recogniser_runs_nobody_is_waited_for(world: World, device: SyncService) -> None:
    world.publish(seed=2, probation_s=60)
    device.once()
    world.wait(61)
    device.device.tick()
    assert device.status().confirmed


def test_an_erased_person_is_gone_when_the_release_is_confirmed(
    world: World, device: SyncService
) -> None:
    release, folder = store.current_release(world.galleries(40, 2))
    del folder
    manifest = world.sign(seed=2, removal=True, number=2)
    assert manifest.removal
    assert not release.forget_previous
    world.place.publish()
    device.once()
    assert device.device.installed() == 2


# Gates.


def test_stages_hold_devices_back_and_let_them_go(world: World, device: SyncService) -> None:
    control = RolloutControl(world.repository)
    gallery = world.galleries(40, 2)
    control.start(gallery, Options(number=2, probation_s=0, chunk_size=4096), (1, 10_000))
    world.place.publish()
    assert not device.once()
    assert "not_yet" in device.status().waiting
    control.advance()
    world.place.publish()
    assert device.once()
    assert device.device.installed() == 2


def test_pause_and_resume(world: World, device: SyncService) -> None:
    control = RolloutControl(world.repository)
    gallery = world.galleries(40, 2)
    control.start(gallery, Options(number=2, probation_s=0, chunk_size=4096), (10_000,))
    control.pause()
    world.place.publish()
    assert not device.once()
    assert "paused" in device.status().waiting
    control.resume()
    world.place.publish()
    assert device.once()


def test_halt_brings_the_old_content_back_under_a_higher_number(
    world: World, device: SyncService
) -> None:
    before = {file.sha256 for file in store.current_release(device.settings.gallery)[0].files}
    control = RolloutControl(world.repository)
    gallery = world.galleries(40, 2)
    control.start(gallery, Options(number=2, probation_s=0, chunk_size=4096), (10_000,))
    world.place.publish()
    device.once()
    control.halt("trial")
    world.place.publish()
    assert device.once()
    release, _ = store.current_release(device.settings.gallery)
    assert release.number == 3
    assert {file.sha256 for file in release.files} == before


def test_buckets_are_even_and_removals_pass() -> None:
    counts = [0] * 10
    for i in range(10_000):
        counts[bucket("salt", f"tv-{i}") // 1000] += 1
    assert min(counts) > 850
    manifest = msgspec.convert(
        {
            "format": 1,
            "release": 2,
            "content": 2,
            "model": "m",
            "dim": 8,
            "created": "",
            "files": [],
        },
        __import__("gallery.channel.manifest").channel.manifest.Manifest,
    )
    held = msgspec.structs.replace(manifest, rollout=Rollout("s", 0, 3600, paused=True))
    assert gate(held, "tv", 1e9) is Gate.PAUSED
    removal = msgspec.structs.replace(held, removal=True)
    assert delay_s(removal, "tv") <= 300
    assert gate(removal, "tv", 300) is Gate.GO


# Fleet.


def statuses(good: int, bad: int, waiting: int, release: int = 2) -> list[Status]:
    return [
        *[Status(f"g{i}", release=release, wanted=release) for i in range(good)],
        *[
            Status(
                f"b{i}", release=1, wanted=release, error="probation failed: x", rejected=(release,)
            )
            for i in range(bad)
        ],
        *[Status(f"w{i}", release=1, wanted=release, waiting="rollout") for i in range(waiting)],
    ]


def test_20_percent_of_bad_canaries_halt_a_rollout_before_the_next_stage(world: World) -> None:
    world.publish(seed=1)
    control = RolloutControl(world.repository)
    control.start(world.galleries(40, 2), Options(number=2), (1_000, 10_000))
    assert control.decide(summarise(statuses(16, 4, 180), 2)).startswith("halt: 4 of 20")
    assert control.decide(summarise(statuses(20, 0, 180), 2)) == "advance"
    assert control.decide(summarise(statuses(5, 0, 195), 2)) == "wait"


def test_fewer_names_halt_a_rollout(world: World) -> None:
    world.publish(seed=1)
    control = RolloutControl(world.repository)
    control.start(world.galleries(40, 2), Options(number=2), (1_000, 10_000))
    fleet = [
        msgspec.structs.replace(status, named_share=0.5 if status.release == 2 else 0.8)
        for status in statuses(20, 0, 180)
    ]
    assert "fewer faces" in control.decide(summarise(fleet, 2))


def test_the_fleet_is_read_from_the_broker(world: World, device: SyncService) -> None:
    for status in statuses(3, 1, 2, release=1):
        world.link.publish(status_topic(status.device), encode(status), retain=True).result(5)
    device.once()
    fleet = Fleet(world.connect("watcher"))
    fleet.settle()
    until(lambda: fleet.summary(1).devices >= 7)
    summary = fleet.summary(1)
    assert ("b0", "probation failed: x") in summary.stuck or summary.bad
    for status in statuses(3, 1, 2, release=1):
        world.link.publish(status_topic(status.device), b"", retain=True).result(5)


def test_a_large_fleet_is_read_whole(world: World) -> None:
    """A wildcard over retained messages: the broker must not drop any on the way."""
    many = [Status(f"{world.prefix}-{i}", release=77) for i in range(1500)]
    sent = [
        world.link.publish(status_topic(status.device), encode(status), retain=True)
        for status in many
    ]
    for future in sent:
        future.result(30)
    fleet = Fleet(world.connect("watcher3"))
    assert fleet.wait(77, 1.0, 10.0).current == 1500
    for status in many:
        last = world.link.publish(status_topic(status.device), b"", retain=True)
    last.result(30)


def test_the_last_will_says_that_a_device_is_gone(world: World, device: SyncService) -> None:
    assert device.link
    fleet = Fleet(world.connect("watcher2"))
    device.once()
    until(lambda: "tv" in fleet._statuses)
    device.link._stop.set()  # vanish: the socket closes without a good-bye
    device.link._todo.clear()
    device.close()
    assert fleet._statuses["tv"].release == 1


def test_http(world: World, tmp_path: Path) -> None:
    """The published folder behind a web server that knows no byte ranges."""
    import functools
    import http.server
    import threading

    world.sign(seed=1)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(world.public))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        device = world.device(origin=f"http://127.0.0.1:{server.server_port}")
        assert device.once()
        assert device.device.installed() == 1
        server.shutdown()
        thread.join()
