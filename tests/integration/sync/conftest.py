"""A small world for the tests of sync: a real broker, a publisher, devices, an attacker."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from tuf.api.metadata import Metadata, Timestamp

from edge.testbed.local_cloud import MOSQUITTO
from gallery.channel.broker import Broker
from gallery.channel.errors import Refused, SourceError
from gallery.channel.link import MqttLink
from gallery.channel.status import decode
from gallery.publish.chunk_server import ChunkServer
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.publish.to_broker import BrokerPlace
from gallery.store import store
from gallery.store.person import Person
from gallery.sync.service import Settings, SyncService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gallery.channel.manifest import Manifest

MODEL = "sface-2021dec"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A real mosquitto on loopback."""

    def __init__(self, folder: Path, config: str = MOSQUITTO, **values: Any) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "mosquitto.conf"
        self.file.write_text(config.format(port=self.port, folder=folder, **values))
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed; apt-get install mosquitto")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([program, "-c", str(self.file)], stderr=log, stdout=log)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError((self.folder / "mosquitto.log").read_text())

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Path]:
    """Return galleries by number of people and seed; numbers 1."""
    made: dict[tuple[int, int], Path] = {}

    def make(people: int, seed: int) -> Path:
        if (people, seed) not in made:
            folder = tmp_path_factory.mktemp("gallery")
            rng = np.random.default_rng(seed)
            vectors = rng.standard_normal((people, 128)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            persons = [Person(f"p{seed}-{i}", {"en": f"Person {i}"}) for i in range(people)]
            owners = np.arange(people, dtype=np.int32)
            store.create_gallery(folder, persons, vectors, owners, MODEL)
            made[people, seed] = folder
        return made[people, seed]

    return make


class World:
    """One channel with its publisher and its devices."""

    def __init__(self, folder: Path, port: int, galleries: Callable[[int, int], Path]) -> None:
        self.folder, self.galleries = folder, galleries
        self.uri = f"mqtt://127.0.0.1:{port}/t{uuid.uuid4().hex[:12]}"
        self.broker = Broker.from_uri(self.uri)
        self.prefix = self.broker.prefix
        self.now = datetime.now(timezone.utc)
        self._ahead_s = 0.0
        self.repository = Repository(folder / "home", lambda: self.now)
        self.repository.init()
        self._links: list[MqttLink] = []
        self._servers: list[tuple[ChunkServer, threading.Thread]] = []
        self._services: list[SyncService] = []
        self._number = 0
        self.link = self.connect("publisher-" + self.prefix)
        self.place = BrokerPlace(self.repository, self.link)

    @property
    def public(self) -> Path:
        return self.repository.public

    def connect(self, client_id: str) -> MqttLink:
        link = MqttLink(self.broker, client_id, backoff_base_s=0.1).start()
        self._links.append(link)
        link.wait_up(10)
        return link

    # The publisher.

    def sign(self, seed: int = 1, people: int = 40, **options: Any) -> Manifest:
        """Sign a release of random people, without sending it."""
        self._number += 1
        options.setdefault("number", self._number)
        options.setdefault("probation_s", 0)
        options.setdefault("chunk_size", 4096)
        manifest = prepare(self.repository, self.galleries(people, seed), Options(**options))
        resign(self.repository, manifest)
        self._number = manifest.release
        return manifest

    def publish(self, seed: int = 1, people: int = 40, **options: Any) -> Manifest:
        manifest = self.sign(seed, people, **options)
        self.place.publish()
        return manifest

    def serve(self) -> ChunkServer:
        link = self.connect(f"server-{uuid.uuid4().hex[:8]}")
        server = ChunkServer(self.public / "f", link)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        self._servers.append((server, thread))
        return server

    # The attacker: whoever can write to the broker.

    def put(self, topic: str, payload: bytes) -> None:
        """Replace a retained message below the prefix."""
        self.link.publish(f"{self.prefix}/{topic}", payload, retain=True).result(10)

    def get(self, topic: str, prefix: str | None = None) -> bytes | None:
        with self.link.collect() as collector:
            collector.want([f"{self.prefix if prefix is None else prefix}/{topic}"])
            message = collector.get(2.0)
        return message[1] if message else None

    def file(self, name: str) -> bytes:
        return (self.public / "m" / name).read_bytes()

    def forge(self, name: str, **changes: Any) -> bytes:
        """Change signed fields without signing again."""
        document = json.loads(self.file(name))
        document["signed"].update(changes)
        return json.dumps(document).encode()

    def signed(self, name: str, kind: Any, change: Any, keys: Any = None) -> bytes:
        """Change metadata and sign it with the real keys, as a thief of those keys can."""
        metadata = Metadata[kind].from_bytes(self.file(name))
        change(metadata.signed)
        root = self.repository.root()
        entry = root.roles[metadata.signed.type]
        metadata.signatures.clear()
        for signer in keys or self.repository.keys.signers(
            [root.keys[i] for i in entry.keyids], 1, "thief"
        ):
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def put_third_snapshot(self, snapshot: bytes) -> None:
        """Put it, and a signed timestamp that points to it."""

        def point(timestamp: Timestamp) -> None:
            timestamp.version += 1
            meta = timestamp.snapshot_meta
            meta.version, meta.length = 3, len(snapshot)
            meta.hashes = {"sha256": hashlib.sha256(snapshot).hexdigest()}

        self.put("m/3.snapshot.json", snapshot)
        self.put("m/timestamp.json", self.signed("timestamp.json", Timestamp, point))

    # Devices.

    def device(
        self, name: str | None = None, *, origin: str | None = None, **settings: Any
    ) -> SyncService:
        name = name or f"tv-{uuid.uuid4().hex[:10]}"
        settings.setdefault("read_timeout_s", 0.6)
        settings.setdefault("silence_s", 0.4)
        settings.setdefault("root", self.repository.home / "root.json")
        service = SyncService(
            Settings(
                device=name,
                origin=origin or self.uri,
                gallery=self.folder / name / "gallery",
                state=self.folder / name / "state",
                **settings,
            ),
            clock=self._clock,
        )
        self._services.append(service)
        return service

    def again(self, service: SyncService, **changes: Any) -> SyncService:
        """Restart a device's service."""
        service.close()
        old = service.settings
        kept = {field: getattr(old, field) for field in old.__struct_fields__}
        kept.update(changes)
        fresh = SyncService(Settings(**kept), clock=self._clock)
        self._services.append(fresh)
        return fresh

    def told(self, service: SyncService) -> dict[str, Any]:
        """Return the status as it lies on the broker."""
        payload = self.get(f"{service.settings.device}/status", "tvradar")
        assert payload is not None
        status = decode(payload)
        assert status is not None
        return msgspec.structs.asdict(status)

    def refuses(
        self, service: SyncService, attack: str, caplog: pytest.LogCaptureFixture, detail: str = ""
    ) -> str:
        """Check that the device refuses, says so everywhere, and stays on its release."""
        before = service.device.installed()
        caplog.clear()
        with pytest.raises(Refused) as caught:
            service.once()
        text = str(caught.value)
        assert text.startswith(f"{attack} refused: "), text
        assert detail in text
        assert text in caplog.text
        assert service.device.installed() == before
        assert not store.verify(service.settings.gallery) or before == 0
        assert self._told_soon(service, text) == text
        return text

    def _told_soon(self, service: SyncService, text: str) -> str:
        """Read the status from the broker; it is sent without waiting."""
        for _ in range(20):
            told = str(self.told(service)["error"]) if service.link else service.status().error
            if told == text:
                break
            time.sleep(0.05)
        return told

    def fails(self, service: SyncService, text: str) -> None:
        """Check that nothing is installed for want of delivery."""
        before = service.device.installed()
        with pytest.raises(SourceError, match=text):
            service.once()
        assert service.device.installed() == before

    def later(self, **delta: float) -> None:
        """Let the publisher's clock go on."""
        self.now += timedelta(**delta)

    def wait(self, seconds: float) -> None:
        """Let the devices' clock go on."""
        self._ahead_s += seconds

    def _clock(self) -> float:
        return time.monotonic() + self._ahead_s

    def close(self) -> None:
        for service in self._services:
            service.close()
        for server, thread in self._servers:
            server.stop()
            thread.join(5)
        for link in self._links:
            link.close()


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: fsync takes 7 ms each on a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="tvradar-test-") as folder:
        yield Path(folder)


@pytest.fixture
def world(
    fast_folder: Path, mosquitto: Mosquitto, galleries: Callable[[int, int], Path]
) -> Iterator[World]:
    made = World(fast_folder, mosquitto.port, galleries)
    yield made
    made.close()


@pytest.fixture
def make_broker() -> type[Mosquitto]:
    """Return the class: a test makes and kills its own broker."""
    return Mosquitto


@pytest.fixture
def device(world: World) -> SyncService:
    """Return a device that has release 1."""
    world.publish(seed=1)
    service = world.device()
    assert service.once()
    service.device.tick()
    return service
