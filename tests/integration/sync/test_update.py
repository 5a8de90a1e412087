"""Updates that succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.sync.conftest import World

from gallery.store import store
from gallery.sync.device import Phase


def test_a_fresh_device_installs_the_release(world: World) -> None:
    world.publish(seed=1)
    device = world.device()
    assert device.once()
    device.device.tick()
    assert device.device.installed() == 1
    assert device.device.phase is Phase.IDLE
    assert not store.verify(device.settings.gallery)
    assert not (device.settings.state / "parts").exists()


def test_by_file(world: World) -> None:
    world.sign(seed=1)
    device = world.device(origin=str(world.public))
    assert device.once()
    assert device.device.installed() == 1


def test_large_files_come_from_a_chunk_server(world: World) -> None:
    server = world.serve()
    world.publish(seed=1, retain_up_to=0)
    device = world.device()
    assert device.once()
    assert server.answered > 5


def test_a_second_release_reuses_what_is_there(world: World) -> None:
    world.publish(seed=1)
    device = world.device()
    device.once()
    world.publish(seed=2)
    assert device.once()
    assert device.device.installed() == 2
    before = device.device.states.state.bytes_fetched
    world.publish(seed=2)
    assert device.once()
    assert device.device.states.state.bytes_fetched - before < 4096
