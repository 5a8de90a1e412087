"""What the trials of sync share: a real broker, large galleries, a channel, child processes."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gallery.channel.broker import Broker
from gallery.channel.link import MqttLink
from gallery.errors import GalleryMissingError
from gallery.publish.chunk_server import ChunkServer
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.publish.to_broker import BrokerPlace
from gallery.store import store
from gallery.store.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery.channel.manifest import Manifest

MODEL = "sface-2021dec"
HERE = Path(__file__).resolve().parent
CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
user root
max_queued_messages 0
max_inflight_messages 64
message_size_limit 16777216
persistence {persistence}
persistence_location {folder}/
autosave_on_changes {on_changes}
autosave_interval {interval}
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens at.

    None that the system gives to who connects: one of thousands of clients would take it while the
    broker is away.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition, at most this long; return whether it came about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def listens(port: int) -> bool:
    """Return whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_certificate(path: Path) -> Path:
    """Write a certificate for the loopback that signs itself, P-256; return where its key is."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=1))
    signed = builder.add_extension(address, critical=True).sign(key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_path = path.with_suffix(".key")
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return key_path


TLS_CONFIG = """
listener {port} 127.0.0.1
set_tcp_nodelay true
tls_version tlsv1.3
certfile {certificate}
keyfile {key}
"""


class Mosquitto:
    """A mosquitto on a free port of loopback, with `tls` on a second one for TLS too."""

    def __init__(
        self,
        folder: Path,
        *,
        persistence: bool = True,
        save_each_change: bool = True,
        tls: bool = False,
    ) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        values: dict[str, object] = {
            "port": self.port,
            "folder": folder,
            "persistence": str(persistence).lower(),
        }
        values["on_changes"] = str(save_each_change).lower()
        values["interval"] = 1 if save_each_change else 30
        text = CONFIG.format(**values)
        self.tls_port, self.certificate = 0, folder / "certificate.pem"
        if tls:
            self.tls_port = free_port()
            key = make_certificate(self.certificate)
            text += TLS_CONFIG.format(port=self.tls_port, certificate=self.certificate, key=key)
        self._config.write_text(text)
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program, "apt-get install mosquitto"
        with self._config.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-c", str(self._config)], stderr=log, stdout=log
            )
        if not until(lambda: listens(self.port), 10.0):
            raise RuntimeError("mosquitto does not listen")

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def rss_kib(self) -> int:
        """Return its resident memory."""
        return rss_kib(self.process.pid)


def rss_kib(pid: int, key: str = "VmRSS") -> int:
    """Return resident memory of a process (VmHWM: its peak)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def make_gallery(folder: Path, mib: float, seed: int, people: int = 0) -> Path:
    """Write a gallery of random templates, of this many MiB, with up to 200 templates a person."""
    rows = people or int(mib * 1024 * 1024 / 133)
    persons = people or max(1, rows // 200)
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [Person(f"p{seed}-{i:06d}", {"en": f"Person {i}"}) for i in range(persons)]
    owners = np.sort(np.arange(rows, dtype=np.int32) % persons)
    store.create_gallery(folder, names, vectors, owners, MODEL)
    return folder


class Channel:
    """A publisher on a broker."""

    def __init__(self, folder: Path, port: int) -> None:
        self.uri = f"mqtt://127.0.0.1:{port}/trial"
        self.repository = Repository(folder / "home")
        self.repository.init()
        self.link = MqttLink(Broker.from_uri(self.uri), "publisher", backoff_base_s=0.5).start()
        self.link.wait_up(10)
        self.place = BrokerPlace(self.repository, self.link)
        self.number = 0

    def publish(self, gallery: Path, **options: object) -> Manifest:
        """Publish the gallery as the next release."""
        self.number += 1
        options.setdefault("probation_s", 0)
        manifest = prepare(self.repository, gallery, Options(number=self.number, **options))
        resign(self.repository, manifest)
        self.place.publish()
        return manifest


class CountingServer(ChunkServer):
    """Notes which bytes were asked for, and takes its time so that kills come in the middle."""

    pause_s = 0.004

    def __init__(self, folder: Path, link: MqttLink) -> None:
        self.asked: list[tuple[str, int]] = []
        super().__init__(folder, link)

    def _read(self, name: str, offset: int, length: int) -> bytes:
        self.asked.append((name, offset))
        time.sleep(self.pause_s)
        return super()._read(name, offset, length)


def start_device(
    folder: Path, uri: str, root: Path, name: str = "tv", *args: str
) -> subprocess.Popen[bytes]:
    """Start a device in a process of its own."""
    command = [sys.executable, str(HERE / "device.py"), str(folder), uri, str(root), name, *args]
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    with (folder.parent / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, stderr=log, stdout=log, env=env)


def installed(folder: Path) -> int:
    """Return the release in use, 0 for none."""
    try:
        return store.current_release(folder / "gallery")[0].number
    except GalleryMissingError:
        return 0
