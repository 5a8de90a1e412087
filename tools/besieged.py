"""The device under attack, its cloud, and what happens to both (`soak_attacks.py`)."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec
from outages import Station
from soak_attackers import Watch
from soak_cloud import is_sent, publish_edition, send

from edge.demo.film import Truth
from edge.demo.material import demo_material, gallery_of
from edge.testbed.local_cloud import Channel, LocalBroker, Updater
from gallery.errors import GalleryError
from gallery.store import update

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = """\
source = "{source}"
gallery = "{gallery}"
[serve]
port = {port}
[recognise]
detect_every = 2
long_side_px = 640
[events]
broker = "{broker}"
device = "soak"
"""
EVENT_S = 90.0
DISK_MB = 24


class Besieged:
    """The device, its cloud, and what happens to them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        people, film = demo_material()
        truth = msgspec.json.decode(film.with_name("truth.json").read_bytes(), type=Truth)
        self.cloud, self._folder, self._stack = folder / "cloud" / "gallery", folder, stack
        gallery_of(people, self.cloud)
        self.removable = sorted(set(truth.people))
        self.broker = LocalBroker(folder / "broker")
        stack.callback(self.broker.close)
        self.channel = Channel(folder / "cloud", self.broker)
        stack.callback(self.channel.close)
        send(self.cloud, self.channel)
        self.station = Station("udp", film)
        self.station.start()
        stack.callback(self.station.kill)
        self._disk = self._mount(folder / "device")
        self.ended: list[str] = []
        self.exits_s: list[float] = []
        self.updater = self._updater()
        stack.callback(lambda: self.updater.close())  # noqa: PLW0108 - the one of then
        self.updater.await_gallery()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        config = folder / "tvradar.toml"
        config.write_text(
            CONFIG.format(
                source=self.station.uri,
                gallery=self.updater.gallery,
                broker=self.broker.uri,
                port=self.port,
            )
        )
        self._log = folder / "recogniser.log"
        self.device = self._device()
        self.pids = {"recogniser": self.device.pid, "updater": self.updater.child.process.pid}
        self.watch = Watch(self.port, set(truth.people))
        stack.callback(self.watch.close)
        stack.callback(lambda: self._end(self.device))

    def _mount(self, place: Path) -> bool:
        place.mkdir()
        size = f"size={DISK_MB}m"
        command = ["mount", "-t", "tmpfs", "-o", size, "none", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        self._stack.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
        return True

    def _updater(self) -> Updater:
        return Updater(self.channel, self._folder / "device", lambda *_: None)

    def _device(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge", "run", "--config"]
        with self._log.open("ab") as log:
            return subprocess.Popen([*command, str(self._folder / "tvradar.toml")], stderr=log)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Ask a process to end; it has 5 s."""
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.exits_s.append(time.monotonic() - begun)

    def look(self) -> None:
        """See whether something has ended that nobody killed; start it again."""
        code = self.device.poll()
        if code is not None:
            self.ended.append(f"recogniser with {code}: {self._log.read_text()[-300:]}")
            self.device = self._device()
        code = self.updater.child.process.poll()
        if code is not None:
            self.ended.append(f"updater with {code}")
            self.updater.close()
            self.updater = self._updater()
        self.pids.update({"recogniser": self.device.pid, "updater": self.updater.child.process.pid})

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + EVENT_S
        while not condition():
            self.look()
            if time.monotonic() > deadline:
                raise TimeoutError("it did not come about")
            time.sleep(0.05)

    # What happens.

    def kill_recogniser(self) -> None:
        self.watch.excused_until = time.monotonic() + 60
        self.device.kill()
        self.device.wait()
        killed = time.monotonic()
        self.device = self._device()
        self.look()
        self.until(lambda: self.watch.named_at > killed)
        self.watch.excused_until = 0.0

    def kill_updater(self) -> None:
        self.updater.child.process.kill()
        self.updater.close()
        self.updater = self._updater()
        self.look()

    def end_updater(self) -> None:
        self._end(self.updater.child.process)
        self.updater.close()
        self.updater = self._updater()
        self.look()

    def lose_source(self) -> None:
        self.station.kill()
        time.sleep(5)
        returned = self.station.start()
        self.until(lambda: self.watch.named_at > returned)

    def restart_broker(self) -> None:
        self.broker.restart()
        self.until(lambda: is_sent(self.channel))

    def rot(self) -> None:
        """Flip a byte in the middle of the largest file of the newest release; publish another."""
        current = (self.updater.gallery / "current").resolve()
        files = [path for path in current.rglob("*") if path.is_file()]
        largest = max(files, key=lambda path: path.stat().st_size)
        with largest.open("r+b") as file:
            file.seek(largest.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 0x40]))
        self.swap()

    def full_disk(self) -> None:
        """Leave the updater no room while a release comes; then give it back."""
        if not self._disk:
            raise GalleryError("no disk of our own could be mounted")
        ballast = self._folder / "device" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            for _ in range(2 * DISK_MB):
                file.write(bytes(1 << 19))
        number = self._publish()
        time.sleep(8)
        ballast.unlink()
        self.updater.child.process.send_signal(signal.SIGCONT)
        self.channel.send()
        self.until(lambda: self.watch.release >= number)

    def swap(self) -> None:
        number = self._publish()
        self.until(lambda: self.watch.release >= number)

    def remove(self) -> None:
        if len(self.removable) < 2:
            return
        person = self.removable.pop()
        number = update.apply(self.cloud, None, {person}).number
        self.watch.gone[person] = number
        send(self.cloud, self.channel)
        self.until(lambda: self.watch.release >= number)

    def _publish(self) -> int:
        return publish_edition(self.cloud, self.channel, "Edition \x1b[31m\u202e{}")
