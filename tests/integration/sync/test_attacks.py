"""Named attacks: each ends in a refusal that names it in the log and in the status on the broker,
with the old release in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.channel.manifest import Manifest
    from gallery.sync.service import SyncService
    from tests.integration.sync.conftest import World

import hashlib
import json
import shutil
import threading
import time
from datetime import timedelta

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from gallery.channel.errors import SyncError
from gallery.channel.manifest import encode
from gallery.publish.content import resign
from gallery.publish.errors import PublishInputError
from gallery.publish.repository import Repository
from tests.polling import until


@pytest.fixture
def device(world: World) -> SyncService:
    """Return a device that has release 1."""
    world.publish(seed=1)
    service = world.device()
    assert service.once()
    service.device.tick()
    return service


def signed(world: World, name: str, kind: Any, change: Any, keys: Any = None) -> bytes:
    """Change metadata and sign it with the real keys, as a thief of those keys can."""
    metadata = Metadata[kind].from_bytes(world.file(name))
    change(metadata.signed)
    root = world.repository.root()
    entry = root.roles[metadata.signed.type]
    metadata.signatures.clear()
    for signer in keys or world.repository.keys.signers(
        [root.keys[i] for i in entry.keyids], 1, "thief"
    ):
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


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

    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, lower))
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

    snapshot = signed(world, "2.snapshot.json", Snapshot, lower)

    def point(timestamp: Timestamp) -> None:
        timestamp.version += 1
        meta = timestamp.snapshot_meta
        meta.version, meta.length = 3, len(snapshot)
        meta.hashes = {"sha256": hashlib.sha256(snapshot).hexdigest()}

    world.put("m/3.snapshot.json", snapshot)
    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, point))
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

    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, forward))
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
    checks = []
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
        assert len(checks) <= 12
        world.publish(seed=2)
        until(lambda: device.device.installed() == 2)
    finally:
        device.stop()
        runner.join(15)


# Keys.


def test_wrong_key(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    stranger = CryptoSigner.generate_ed25519()

    def newer(timestamp: Timestamp) -> None:
        timestamp.version += 1

    data = signed(world, "timestamp.json", Timestamp, newer, [stranger])
    world.put("m/timestamp.json", data)
    world.refuses(device, "wrong key", caplog, "timestamp")


def test_forged_signature(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.put("m/timestamp.json", world.forge("timestamp.json", version=99))
    world.refuses(device, "forged signature", caplog, "timestamp")


def test_too_few_keys_for_a_root(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    world.repository.rotate("timestamp")
    document = json.loads(world.file("2.root.json"))
    document["signatures"] = document["signatures"][:1]
    world.put("m/2.root.json", json.dumps(document).encode())
    world.refuses(device, "too few keys", caplog, "root has 1 of 2")


def test_too_few_keys_for_targets(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.repository = Repository(tmp_path / "second", lambda: world.now)
    world.repository.init(targets_keys=2, targets_threshold=2)
    world.place._repository = world.repository
    world.publish(seed=1)
    device = world.device()
    device.once()
    world.publish(seed=2)
    document = json.loads(world.file("3.targets.json"))
    document["signatures"] = document["signatures"][:1]
    targets = json.dumps(document).encode()

    def point_snapshot(snapshot: Snapshot) -> None:
        meta = snapshot.meta["targets.json"]
        meta.length, meta.hashes = len(targets), {"sha256": hashlib.sha256(targets).hexdigest()}

    snapshot = signed(world, "3.snapshot.json", Snapshot, point_snapshot)

    def point(timestamp: Timestamp) -> None:
        meta = timestamp.snapshot_meta
        meta.length, meta.hashes = len(snapshot), {"sha256": hashlib.sha256(snapshot).hexdigest()}

    world.put("m/3.targets.json", targets)
    world.put("m/3.snapshot.json", snapshot)
    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, point))
    world.refuses(device, "too few keys", caplog, "targets has 1 of 2")


def test_revoked_key(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    root = world.repository.root()
    thief = world.repository.keys.signers(
        [root.keys[i] for i in root.roles["timestamp"].keyids], 1, "thief"
    )
    world.repository.rotate("timestamp")
    world.place.publish()
    device.once()

    def newer(timestamp: Timestamp) -> None:
        timestamp.version += 5

    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, newer, thief))
    world.refuses(device, "revoked key", caplog, "timestamp")


def test_another_channels_metadata(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A device of one operator is shown the properly signed repository of another."""
    other = Repository(tmp_path / "other")
    other.init()
    world.publish(seed=1)
    device = world.device(root=other.home / "root.json")
    world.refuses(device, "wrong key", caplog, "timestamp")


def test_stolen_online_keys_cannot_name_a_release(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    """Timestamp and snapshot keys are online; the content needs the offline targets key."""

    def other(targets: Targets) -> None:
        targets.version += 1
        targets.targets["release.json"].hashes = {"sha256": "0" * 64}

    root = world.repository.root()
    online = world.repository.keys.signers(
        [root.keys[i] for i in root.roles["snapshot"].keyids], 1, "thief"
    )
    targets = signed(world, "2.targets.json", Targets, other, online)

    def point_snapshot(snapshot: Snapshot) -> None:
        snapshot.version += 1
        meta = snapshot.meta["targets.json"]
        meta.version, meta.length = 3, len(targets)
        meta.hashes = {"sha256": hashlib.sha256(targets).hexdigest()}

    snapshot = signed(world, "2.snapshot.json", Snapshot, point_snapshot)

    def point(timestamp: Timestamp) -> None:
        timestamp.version += 1
        meta = timestamp.snapshot_meta
        meta.version, meta.length = 3, len(snapshot)
        meta.hashes = {"sha256": hashlib.sha256(snapshot).hexdigest()}

    world.put("m/3.targets.json", targets)
    world.put("m/3.snapshot.json", snapshot)
    world.put("m/timestamp.json", signed(world, "timestamp.json", Timestamp, point))
    world.refuses(device, "wrong key", caplog, "targets")


# Lost local files.


def test_lost_local_timestamp(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = {name: world.file(name) for name in ("timestamp.json",)}
    world.publish(seed=2)
    device.once()
    device.device.tick()
    shutil.rmtree(device.settings.state / "tuf")
    world.put("m/timestamp.json", old["timestamp.json"])
    world.refuses(world.again(device), "rollback", caplog, "timestamp 2 < 3")


def test_all_local_files_lost_but_the_gallery(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    old = {name: world.file(name) for name in ("timestamp.json", "2.snapshot.json")}
    world.publish(seed=2)
    device.once()
    device.device.tick()
    device.close()
    shutil.rmtree(device.settings.state)
    for name, data in old.items():
        world.put(f"m/{name}", data)
    world.refuses(world.again(device), "rollback", caplog, "release 1 < 2")


# Content.


def retained_chunk(world: World, manifest: Manifest, index: int = 1) -> tuple[str, bytes]:
    file = manifest.files[1]
    data = (world.public / "f" / file.sha256).read_bytes()
    chunk = data[file.chunk_size * index : file.chunk_size * (index + 1)]
    return f"c/{hashlib.sha256(chunk).hexdigest()}", chunk


def test_changed_chunk(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    topic, chunk = retained_chunk(world, world.publish(seed=2))
    world.put(topic, chunk[:-1] + b"\xff")
    world.refuses(device, "changed chunk", caplog, "retained gave")


def test_chunk_of_another_release(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    _, old = retained_chunk(world, world.sign(seed=3))
    topic, _ = retained_chunk(world, world.publish(seed=2))
    world.put(topic, old)
    world.refuses(device, "changed chunk", caplog, "retained gave")


def test_endless_chunk(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    topic, chunk = retained_chunk(world, world.publish(seed=2))
    world.put(topic, chunk * 100)
    world.refuses(device, "changed chunk", caplog, "retained gave")


def test_changed_list_of_hashes(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = world.publish(seed=2)
    world.put(f"c/{manifest.files[1].hash_list}", b"\0" * 64)
    world.refuses(device, "changed chunk", caplog, "retained gave 64 B")


def test_missing_chunk(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    topic, _ = retained_chunk(world, world.publish(seed=2))
    world.put(topic, b"")
    world.fails(device, "missing chunk")
    assert "missing chunk" in device.status().error


def test_changed_chunk_from_a_chunk_server(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    server = world.serve()
    manifest = world.publish(seed=2, retain_up_to=0)
    path = world.public / "f" / manifest.files[1].sha256
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.unlink()
    path.write_bytes(data)
    world.refuses(device, "changed chunk", caplog, "servers gave")
    assert server.answered


def test_no_room_for_the_release(world: World, device: SyncService) -> None:
    manifest = world.publish(seed=2)
    huge = msgspec.structs.replace(manifest.files[1], size=1 << 39, chunk_size=1 << 20, path="x")
    with pytest.raises(ValueError, match="chunks"):
        msgspec.structs.replace(manifest, files=(*manifest.files, huge))
    # 32 GiB a file is what a list of hashes can name; more of those than any disk holds.
    files = [
        msgspec.structs.replace(huge, size=1 << 35, path=f"x{i}", sha256=f"{i:064x}")
        for i in range(1000)
    ]
    resign(world.repository, msgspec.structs.replace(manifest, files=(*manifest.files, *files)))
    world.place.publish = None
    for name in world.repository.live_files():
        world.put(name, (world.public / name).read_bytes())
    # No release has this many files: nothing of these is asked for.
    with pytest.raises(SyncError, match="malformed manifest"):
        device.once()
    assert device.device.installed() == 1


def test_model_mismatch(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.publish(seed=1)
    device = world.device(model="mobilefacenet")
    world.refuses(device, "model mismatch", caplog, "sface-2021dec")


def test_a_signed_path_that_leaves_the_folder(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = world.sign(seed=2)
    document = json.loads(encode(manifest))
    document["files"][1]["path"] = "../../../etc/passwd"
    world.repository.publish(json.dumps(document).encode())
    for name in world.repository.live_files():
        world.put(name, (world.public / name).read_bytes())
    world.refuses(device, "malformed manifest", caplog, "plain file name")


def test_a_release_that_is_not_what_its_manifest_says(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = world.sign(seed=2)
    resign(world.repository, msgspec.structs.replace(manifest, release=7))
    world.place.publish()
    world.refuses(device, "mix-and-match", caplog, "release.json is of")


# The hint.


@pytest.mark.parametrize("head", [b'{"root":999}', b"[[[", b'{"root":"x"}'])
def test_lying_head_does_not_hold_an_update_up(
    world: World, device: SyncService, caplog: pytest.LogCaptureFixture, head: bytes
) -> None:
    world.publish(seed=2)
    world.put("head", head)
    assert device.once()
    assert device.device.installed() == 2
    assert ("lying head" in caplog.text) == (b"999" in head)


def test_head_that_hides_a_rotation(world: World, device: SyncService) -> None:
    world.repository.rotate("timestamp")
    world.publish(seed=2)
    world.put("head", b'{"root":1}')
    assert device.once()
    assert device.device.installed() == 2
