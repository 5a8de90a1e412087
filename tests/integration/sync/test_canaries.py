"""A rollout to thirty simulated devices, each the real updater, on a broker of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from gallery.channel.health import HeartbeatFile
from gallery.publish.content import Options
from gallery.publish.rollout import RolloutControl
from gallery.store import store
from gallery.sync.rollout import Gate, gate
from tests.integration.sync.conftest import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.sync.conftest import Mosquitto

DEVICES = 30


def watch(world: World) -> tuple[int, dict]:
    """Run the publisher's watch; it ends by itself when it has halted."""
    words = ("gallery", "rollout", "watch", "--home", world.repository.home, "--broker", world.uri)
    words += ("--to", world.uri, "--timeout", 30, "--json")
    command = [sys.executable, "-m", "edge", *map(str, words)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_fifth_of_the_canaries_in_trouble_halts_the_rollout_before_the_next_stage(
    fast_folder: Path, make_broker: type[Mosquitto], galleries: Callable[[int, int], Path]
) -> None:
    broker = make_broker(fast_folder / "broker")
    world = World(fast_folder, broker.port, galleries)
    try:
        world.publish(seed=1)
        pulses = {f"tv{i}": HeartbeatFile(fast_folder / f"pulse{i}.json") for i in range(DEVICES)}
        devices = [world.device(name, heartbeat=pulse.path) for name, pulse in pulses.items()]
        for device in devices:
            assert device.once()
        before = {f.sha256 for f in store.current_release(devices[0].settings.gallery)[0].files}

        options = Options(number=2, probation_s=0, chunk_size=4096)
        manifest = RolloutControl(world.repository).start(
            galleries(40, 2), options, stages=(5_000, 10_000)
        )
        world.place.publish()
        canaries = [d for d in devices if gate(manifest, d.settings.device, 0) is Gate.GO]
        assert 5 <= len(canaries) < DEVICES
        bad = canaries[::5]
        for device in bad:
            pulses[device.settings.device].beat(2, error="templates: cannot be mapped")
        for device in devices:
            device.once()
        for device in devices:
            expected = 2 if device in canaries and device not in bad else 1
            assert device.device.installed() == expected

        code, found = watch(world)
        assert code == 1
        assert found["decision"] == (f"halt: {len(bad)} of {len(canaries)} devices report errors")
        assert found["plan"]["stage"] == 0
        for device in devices:
            pulses[device.settings.device].beat(3)
            assert device.once()
            release, _ = store.current_release(device.settings.gallery)
            assert release.number == 3
            assert {f.sha256 for f in release.files} == before
    finally:
        world.close()
        broker.kill()
