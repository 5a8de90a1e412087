"""Named attacks: each ends in a refusal that names it in the log and in the status on the broker,
with the old release in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gallery.sync.service import SyncService
    from tests.integration.sync.conftest import World

import hashlib
import threading
import time
from datetime import timedelta

import msgspec
import pytest
from tuf.api.metadata import Snapshot, Timestamp

from gallery.channel.manifest import encode
from gallery.publish.content import resign
from gallery.publish.errors import PublishInputError
from tests.polling import until

# Rollback of each role.


def test_rollback_of_the_timestamp(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.file("timestamp.json")
    world.publish(seed=2)
    device.once()
    world.put("m/timestamp.json", old)
    world.refuses(device, "rollback", caplog, "timestamp 2 < 3")


def test_rollback_of_the_snapshot(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    def lower(timestamp: Timestamp) -> None:
        timestamp.version += 1
        timestamp.snapshot_meta.version -= 1

    world.put("m/timestamp.json", world.signed("timestamp.json", Timestamp, lower))
    world.refuses(device, "rollback", caplog, "snapshot 1 < 2")


def test_rollback_of_the_targets(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.file("1.targets.json")

    def lower(snapshot: Snapshot) -> None:
        snapshot.version += 1
        meta = snapshot.meta["targets.json"]
        meta.version, meta.length = 1, len(old)
        meta.hashes = {"sha256": hashlib.sha256(old).hexdigest()}

    snapshot = world.signed("2.snapshot.json", Snapshot, lower)

    world.put_third_snapshot(snapshot)
    world.refuses(device, "rollback", caplog, "targets 1 < 2")


def test_rollback_of_the_root(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.put("m/2.root.json", world.file("1.root.json"))
    world.refuses(device, "rollback", caplog, "root 1, expected 2")


def test_rollback_of_the_release_number(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = world.publish(seed=2)
    device.once()
    device.device.tick()
    resign(world.repository, msgspec.structs.replace(manifest, release=1))
    world.place.publish()
    world.refuses(device, "rollback", caplog, "release 1 < 2")


# Freeze.


@pytest.mark.parametrize(("role", "days"), [("timestamp", 4), ("snapshot", 15), ("targets", 31)])
def test_freeze(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture, role: str, days: int
) -> None:
    world.now -= timedelta(days=days)
    world.sign(seed=2)
    if role != "timestamp":
        world.now += timedelta(days=days)
        (world.repository.sign_online if role == "targets" else world.repository.sign_timestamp)()
    world.place.publish()
    world.refuses(device, "freeze", caplog, f"{role} expired")


def test_freeze_with_an_expired_root(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.now -= timedelta(days=366)
    world.repository.rotate("root")
    world.now += timedelta(days=366)
    world.place.publish()
    world.refuses(device, "freeze", caplog, "root expired")


def test_clock_set_back_to_believe_old_metadata(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock shows a time at which the timestamp was valid; the floor knows better."""
    later = world.again(device, built_s=time.time() + 4 * 86_400)
    world.refuses(later, "freeze", caplog, "the system clock was set back")
    assert later.status().clock_suspect
    assert world.told(later)["clock_suspect"]


def test_the_clocks_floor_survives_a_restart_and_cannot_be_poisoned(
    world: World, device: SyncService
) -> None:
    floor_s = device.device.states.state.time_floor_s
    assert abs(floor_s - time.time()) < 60
    device.device.states.change(time_floor_s=floor_s + 86_400)
    world.publish(seed=2)
    assert world.again(device).once()  # a day ahead is no harm: what is newer expires later


# Mix-and-match, fast-forward.


def test_mix_and_match_of_a_snapshot(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.file("2.snapshot.json")
    world.publish(seed=2)
    world.put("m/3.snapshot.json", old)
    world.refuses(device, "mix-and-match", caplog, "3.snapshot.json")


def test_mix_and_match_of_targets(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.file("2.targets.json")
    world.publish(seed=2)
    world.put("m/3.targets.json", old)
    world.refuses(device, "mix-and-match", caplog, "3.targets.json")


def test_changed_manifest(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = world.publish(seed=2)
    data = encode(msgspec.structs.replace(manifest, created="2000-01-01T00:00:00Z"))
    digest = hashlib.sha256(encode(manifest)).hexdigest()
    world.put(f"t/{digest}.release.json", data)
    world.refuses(device, "changed manifest", caplog)


def test_fast_forward_of_the_timestamp_is_undone_by_a_rotation(
    world: World, device: SyncService
) -> None:
    def forward(timestamp: Timestamp) -> None:
        timestamp.version = 2**31

    world.put("m/timestamp.json", world.signed("timestamp.json", Timestamp, forward))
    device.once()
    assert device.device.states.state.floors["timestamp"].version == 2**31
    world.repository.rotate("timestamp")
    world.publish(seed=2)
    assert device.once()
    assert device.device.states.state.floors["timestamp"].version < 100
    assert device.device.installed() == 2


def test_fast_forward_of_the_release_is_undone_by_a_rotation(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.publish(seed=2, number=1_000_000)
    device.once()
    device.device.tick()
    with pytest.raises(PublishInputError, match="only higher numbers"):
        world.sign(seed=3, number=2)
    world.publish(seed=3, number=2, allow_lower=True)
    world.refuses(device, "rollback", caplog, "release 2 < 1000000")
    world.repository.rotate("targets")
    world.place.publish()
    assert device.once()
    device.device.tick()
    assert device.device.installed() == 2


# Endless data, slow retrieval, oversize, empty, flood.


def test_endless_timestamp(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.put("m/timestamp.json", b" " * 100_000)
    world.refuses(device, "endless data", caplog, "timestamp.json")


def test_endless_root(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    world.put("m/2.root.json", b"{" * 1_000_000)
    world.refuses(device, "endless data", caplog, "2.root.json")


def test_endless_targets(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.publish(seed=2)
    world.put("m/3.targets.json", world.file("3.targets.json") + b" " * 500_000)
    world.refuses(device, "endless data", caplog, "3.targets.json")


def test_slow_retrieval(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.put("m/timestamp.json", b"")  # deleted: the broker delivers nothing
    world.refuses(device, "slow retrieval", caplog, "timestamp.json")


def test_withheld_snapshot(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.publish(seed=2)
    world.put("m/3.snapshot.json", b"")
    world.refuses(device, "slow retrieval", caplog, "3.snapshot.json")


def test_empty_message(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    world.put("m/timestamp.json", b"")
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.02):
            world.link.publish(f"{world.prefix}/m/timestamp.json", b"")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        world.refuses(device, "empty message", caplog, "timestamp.json")
    finally:
        stop.set()
        thread.join()


def test_malformed_metadata(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.put("m/timestamp.json", b'{"signed": ' + b"[" * 2000)
    world.refuses(device, "malformed metadata", caplog, "timestamp.json")


def test_topic_flood(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of wake-ups make a few checks, and the good release still comes through."""
    checks, begun = [], time.monotonic()
    update = device.device.update
    device.device.update = lambda *args: (checks.append(time.monotonic()), update(*args))[1]
    runner = threading.Thread(target=device.run)
    runner.start()
    try:
        junk = b"x" * 200
        sent = [
            world.link.publish(f"{world.prefix}/m/timestamp.json", junk, qos=0) for _ in range(5000)
        ]
        sent[-1].result(30)
        until(lambda: "topic flood refused" in caplog.text)
        assert len(checks) <= 5 + (time.monotonic() - begun) / 2 + 2  # as the limit says
        world.publish(seed=2)
        until(lambda: device.device.installed() == 2)
    finally:
        device.stop()
        runner.join(15)
