"""How fast, how large, how few bytes: a fresh device, a delta, a device that is up to date.

    python tools/sync_trials/bulk.py [--mib 128] [--servers 2] [--people 100000] [--changed 1000]

Prints one JSON object. Chunk servers, broker and device are processes of their own on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from stage import HERE, Channel, Mosquitto, installed, make_gallery, rss_kib, start_device

from gallery.channel.manifest import decode
from gallery.store import store
from gallery.store.person import Person
from gallery.store.update import Entries, update


def serve(channel: Channel, index: int) -> subprocess.Popen[bytes]:
    """Start a chunk server."""
    script = (
        "import sys; from pathlib import Path; from edge.cli.publish import serve;"
        "serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3], shared=True)"
    )
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", script, channel.uri, str(channel.repository.home), f"s{index}"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def snapshot(
    folder: Path, broker: Mosquitto, channel: Channel, options: argparse.Namespace
) -> dict[str, object]:
    """Bring a large release to a fresh device by chunk servers; the time is that of FETCH."""
    servers = [serve(channel, i) for i in range(options.servers)]
    manifest = channel.publish(make_gallery(folder / "large", options.mib, 1), retain_up_to=0)
    time.sleep(2)
    before = broker.rss_kib()
    peak = [before]
    device = folder / "fresh"
    device.mkdir()
    process = start_device(device, channel.uri, channel.repository.home / "root.json", "fresh")
    began = fetched = 0.0
    parts = device / "state" / "parts"
    started = time.monotonic()
    while installed(device) != manifest.release:
        if not began and parts.is_dir():
            began = time.monotonic()
        if began and not fetched and (device / "state" / "staging").is_dir():
            fetched = time.monotonic()
        peak.append(broker.rss_kib())
        time.sleep(0.002)
        assert time.monotonic() - started < 300
    end = time.monotonic()
    fetched = fetched or end
    memory = rss_kib(process.pid, "VmHWM"), rss_kib(process.pid, "RssAnon")
    process.kill()
    process.wait()
    for server in servers:
        server.kill()
        server.wait()
    mb = manifest.total_bytes / 1e6
    return {
        "mb": round(mb, 1),
        "fetch_s": round(fetched - began, 2),
        "fetch_mb_s": round(mb / (fetched - began)),
        "to_installed_s": round(end - began, 2),
        "device_peak_rss_mb": round(memory[0] / 1024, 1),
        "device_anon_mb": round(memory[1] / 1024, 1),
        "broker_growth_mb": round((max(peak) - before) / 1024, 1),
        "verified": not store.verify(device / "gallery"),
    }


class Meter(threading.Thread):
    """A pipe between device and broker that counts bytes, MQTT and all."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        import socket

        self._socket, self._target = socket.create_server(("127.0.0.1", 0)), port
        self.port = self._socket.getsockname()[1]
        self.count = 0

    def run(self) -> None:
        """Accept for ever."""
        import socket

        while True:
            client, _ = self._socket.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pipe, args=pair, daemon=True).start()

    def _pipe(self, source: object, sink: object) -> None:
        while data := source.recv(65536):  # type: ignore[attr-defined]
            self.count += len(data)
            sink.sendall(data)  # type: ignore[attr-defined]


def delta(
    folder: Path, broker: Mosquitto, channel: Channel, options: argparse.Namespace
) -> dict[str, object]:
    """Change some people, and count what the device moves."""
    gallery = make_gallery(folder / "people", 0, 2, options.people)
    channel.publish(gallery)
    meter = Meter(broker.port)
    meter.start()
    uri = channel.uri.replace(str(broker.port), str(meter.port))
    server = serve(channel, 9)
    device = folder / "delta"
    device.mkdir()
    root = channel.repository.home / "root.json"
    process = start_device(device, uri, root, "delta")
    await_release(device, channel.number)
    time.sleep(1.5)
    old = decode(channel.repository.manifest() or b"")
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((options.changed, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p2-{i:06d}", {"en": f"Changed {i}"}) for i in range(options.changed)]
    owners = np.arange(options.changed, dtype=np.int32)
    update(gallery, Entries(people, vectors, owners, store.current_release(gallery)[0].model))
    before = meter.count
    started = time.monotonic()
    manifest = channel.publish(gallery)
    await_release(device, channel.number)
    took = time.monotonic() - started
    time.sleep(1.5)
    known = {file.sha256 for file in old.files}
    own = sum(file.size for file in manifest.files if file.sha256 not in known)
    moved = meter.count - before
    process.kill()
    process.wait()
    before = meter.count
    process = start_device(device, uri, root, "delta")
    time.sleep(4)
    idle = meter.count - before
    process.kill()
    process.wait()
    server.kill()
    server.wait()
    return {
        "people": options.people,
        "changed": options.changed,
        "delta_bytes": own,
        "moved_bytes": moved,
        "ratio": round(moved / own, 3),
        "publish_to_installed_s": round(took, 2),
        "up_to_date_reconnect_bytes": idle,
    }


def await_release(device: Path, number: int) -> None:
    """Wait until it is in use."""
    deadline = time.monotonic() + 120
    while installed(device) != number:
        assert time.monotonic() < deadline, (device.parent / f"{device.name}.log").read_text()[
            -2000:
        ]
        time.sleep(0.02)


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=float, default=128.0)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--changed", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tvradar-bulk-") as folder:
        broker = Mosquitto(Path(folder) / "broker", persistence=False)
        try:
            channel = Channel(Path(folder), broker.port)
            results = {"snapshot": snapshot(Path(folder), broker, channel, options)}
            results["delta"] = delta(Path(folder), broker, channel, options)
        finally:
            broker.kill()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
