"""Attacks on keys: each ends in a refusal that log and status name, the old release in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gallery.sync.service import SyncService
    from tests.integration.sync.conftest import World

import hashlib
import json

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Snapshot, Targets, Timestamp

from gallery.publish.repository import Repository


def test_wrong_key(world: World, device: SyncService, caplog: pytest.LogCaptureFixture) -> None:
    stranger = CryptoSigner.generate_ed25519()

    def newer(timestamp: Timestamp) -> None:
        timestamp.version += 1

    data = world.signed("timestamp.json", Timestamp, newer, [stranger])
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

    snapshot = world.signed("3.snapshot.json", Snapshot, point_snapshot)

    def point(timestamp: Timestamp) -> None:
        meta = timestamp.snapshot_meta
        meta.length, meta.hashes = len(snapshot), {"sha256": hashlib.sha256(snapshot).hexdigest()}

    world.put("m/3.targets.json", targets)
    world.put("m/3.snapshot.json", snapshot)
    world.put("m/timestamp.json", world.signed("timestamp.json", Timestamp, point))
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

    world.put("m/timestamp.json", world.signed("timestamp.json", Timestamp, newer, thief))
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
    targets = world.signed("2.targets.json", Targets, other, online)

    def point_snapshot(snapshot: Snapshot) -> None:
        snapshot.version += 1
        meta = snapshot.meta["targets.json"]
        meta.version, meta.length = 3, len(targets)
        meta.hashes = {"sha256": hashlib.sha256(targets).hexdigest()}

    snapshot = world.signed("2.snapshot.json", Snapshot, point_snapshot)

    world.put("m/3.targets.json", targets)
    world.put_third_snapshot(snapshot)
    world.refuses(device, "wrong key", caplog, "targets")
