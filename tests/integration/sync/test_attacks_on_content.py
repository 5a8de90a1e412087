"""Attacks on files and content: each is refused by name, the old release stays in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gallery.channel.manifest import Manifest
    from gallery.sync.service import SyncService
    from tests.integration.sync.conftest import World

import hashlib
import json
import shutil

import msgspec
import pytest

from gallery.channel.errors import SyncError
from gallery.channel.manifest import encode
from gallery.publish.content import resign

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
