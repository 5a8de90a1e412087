"""Everything at once: the device under attack, with a press each second (`soak.py --attacks`).

All the time: idle and half-open connections from five addresses, readers that never read, bytes
that are no HTTP, messages that are no commands, junk over MQTT. One after the other: new
releases, removals, a flipped byte in the newest segment, a full disk (a small tmpfs, where we may
mount one), a lost source, a restarted broker, kill -9 and SIGTERM of the updater, kill -9 of the
recogniser. What ends and was not killed is counted; so is each name of somebody who is not in the
film, or was removed from the gallery before.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from outages import Station
from soak import Sampler, judge
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from edge.demo.film import Truth
from edge.demo.material import demo_material, gallery_of
from edge.testbed.local_cloud import Channel, LocalBroker, Updater
from gallery.channel.broker import Broker
from gallery.channel.link import LinkState, MqttLink
from gallery.errors import GalleryError
from gallery.store import store, update
from gallery.store.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

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
END_S = 5.0
EVENT_S = 90.0
DISK_MB = 24
IDLE, HALF_OPEN, UNREAD = 200, 60, 20
EVENTS = (
    *("kill_recogniser", "swap", "rot", "lose_source", "swap", "remove", "full_disk", "swap"),
    *(
        "kill_updater",
        "swap",
        "restart_broker",
        "swap",
        "rot",
        "end_updater",
        "swap",
        "lose_source",
    ),
    *("full_disk", "remove", "kill_updater", "swap", "restart_broker", "rot", "swap"),
)


class Watch:
    """Presses each second and watches the live protocol, across restarts of the device."""

    def __init__(self, port: int, known: set[str]) -> None:
        self.known, self.gone = known, dict[str, int]()
        self.presses_ms: list[float] = []
        self.failed = self.scenes = self.named = self.release = 0
        self.named_at = 0.0
        self.wrong: Counter[str] = Counter()
        self.excused_until = time.monotonic() + 60
        """Presses may fail until then: the device was killed."""
        self._port, self._stop = port, threading.Event()
        self._threads = [threading.Thread(target=f) for f in (self._watch, self._press)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    def _press(self) -> None:
        while not self._stop.wait(1.0):
            begun = time.monotonic()
            button = HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                button.request("POST", "/api/press", b"{}")
                answer = button.getresponse()
                answer.read()
                if answer.status == 200:
                    self.presses_ms.append(1000 * (time.monotonic() - begun))
                else:
                    self.failed += 1
            except (OSError, HTTPException):
                self.failed += time.monotonic() > self.excused_until
            finally:
                button.close()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            with (
                contextlib.suppress(OSError, WebSocketException),
                connect(f"ws://127.0.0.1:{self._port}/api/live", max_queue=None) as reader,
            ):
                while not self._stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        self._take(json.loads(reader.recv(timeout=1)))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] != "scene":
            return
        self.scenes += 1
        self.release = message["release"]
        ids = [face["id"] for face in message["faces"] if face.get("id")]
        for one in ids:
            if one not in self.known or message["release"] >= self.gone.get(one, 1 << 60):
                self.wrong[one] += 1
        if ids:
            self.named += 1
            self.named_at = time.monotonic()


class Attackers:
    """What goes on all the time; all of it on loopback."""

    def __init__(self, port: int, broker: str) -> None:
        self._port, self._stop = port, threading.Event()
        self._link = MqttLink(Broker.from_uri(broker), "attacker").start()
        self.done: Counter[str] = Counter()
        jobs = (
            self._idle,
            self._half_open,
            self._unread,
            self._junk,
            self._socket_junk,
            self._mqtt,
        )
        self._threads = [threading.Thread(target=job) for job in jobs]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._link.close()

    def _open(self, said: bytes = b"") -> socket.socket | None:
        host = f"127.0.0.{random.randint(2, 6)}"
        try:
            one = socket.create_connection(("127.0.0.1", self._port), 2, source_address=(host, 0))
            if said:
                one.sendall(said)
        except OSError:
            return None
        return one

    def _hold(self, what: str, count: int, said: bytes) -> None:
        """Hold this many connections; the oldest is replaced twenty times a second."""
        held: list[socket.socket] = []
        while not self._stop.wait(0.05):
            one = self._open(said)
            if one is not None:
                held.append(one)
                self.done[what] += 1
            if len(held) > count:
                held.pop(0).close()
        for one in held:
            one.close()

    def _idle(self) -> None:
        self._hold("idle", IDLE, b"")

    def _half_open(self) -> None:
        self._hold("half-open", HALF_OPEN, b"POST /api/press HTTP/1.1\r\nHost: localhost\r\nX: ")

    def _unread(self) -> None:
        said = (
            b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._hold("readers that never read", UNREAD, said)

    def _junk(self) -> None:
        while not self._stop.wait(0.2):
            one = self._open(random.randbytes(300) + b"\r\n\r\n")
            if one is not None:
                self.done["no HTTP"] += 1
                one.close()

    def _socket_junk(self) -> None:
        address = f"ws://127.0.0.1:{self._port}/api/live"
        bodies = (b"\xff\xfe", b'{"type":"press","at":1e999}', b"[" * 3000, b'{"type":"x"}', b"\0")
        while not self._stop.wait(0.3):
            with (
                contextlib.suppress(OSError, WebSocketException),
                connect(address, close_timeout=0.2) as reader,
            ):
                reader.send(random.choice(bodies), text=True)
                self.done["no command"] += 1

    def _mqtt(self) -> None:
        bodies = (b"\xff", b'{"at": 1e308}', b"x" * 5000, b"{" * 200, b'{"release": 9}')
        while not self._stop.wait(0.05):
            if self._link.state is LinkState.UP:
                kept = random.random() < 0.1
                self._link.publish("tvradar/soak/press", random.choice(bodies), qos=0, retain=kept)
                self.done["no press over MQTT"] += 1


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
        self._send()
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
        self.until(self._sent)

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
        self._send()
        self.until(lambda: self.watch.release >= number)

    def _publish(self) -> int:
        release = store.current_release(self.cloud)[0]
        vector = np.random.default_rng(release.number).standard_normal((1, 128))
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        person = Person("somebody", {"en": f"Edition \x1b[31m\u202e{release.number}"})
        entries = update.Entries([person], vector, np.zeros(1, np.int32), release.model)
        number = update.apply(self.cloud, entries, ()).number
        self._send()
        return number

    def _send(self) -> None:
        self.channel.sign(self.cloud, probation_s=0)
        self.channel.send()

    def _sent(self) -> bool:
        try:
            self.channel.send()
        except GalleryError:
            return False
        return True


def besiege(minutes: float, log: Path | None) -> dict[str, Any]:
    """Run; return what was seen."""
    failed: list[str] = []
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="tvradar-soak-") as folder, ExitStack() as stack:
        one = Besieged(Path(folder), stack)
        one.until(lambda: one.watch.named_at > 0)
        one.watch.excused_until = 0.0
        attackers = Attackers(one.port, one.broker.uri)
        stack.callback(attackers.close)
        begun = time.monotonic()
        sampler = Sampler(one.pids, begun, log)
        stack.callback(sampler.close)
        step = 60 * minutes / (len(EVENTS) + 1)
        for number, kind in enumerate(EVENTS):
            while time.monotonic() < begun + step * (number + 1):
                one.look()
                time.sleep(0.1)
            if time.monotonic() > begun + 60 * minutes:
                break
            try:
                getattr(one, kind)()
            except (TimeoutError, GalleryError, OSError) as error:
                failed.append(f"{kind} at {time.monotonic() - begun:.0f} s: {error}")
            else:
                done[kind] += 1
        while time.monotonic() < begun + 60 * minutes:
            one.look()
            time.sleep(0.1)
        last = store.current_release(one.cloud)[0].number
        with contextlib.suppress(TimeoutError):
            one.until(lambda: one.watch.release == last)
        attackers.close()
        sampler.close()
        one.watch.close()
        one._end(one.device)
        watch = one.watch
        return {
            "minutes": minutes,
            "events": dict(done),
            "failed": failed,
            "attacks": dict(attackers.done),
            "ended_unkilled": one.ended,
            "slowest_end_s": round(max(one.exits_s), 2),
            "scenes": watch.scenes,
            "scenes_with_names": watch.named,
            "wrong_names": dict(watch.wrong),
            "removed": sorted(watch.gone),
            "releases": {"published": last, "in_use": watch.release},
            "presses": len(watch.presses_ms),
            "presses_failed": watch.failed,
            "press_ms": {
                f"p{q}": round(float(np.quantile(watch.presses_ms, q / 100)), 1)
                for q in (50, 95, 99)
            },
            "processes": {name: judge(sampler.rows[name], 60 * minutes) for name in one.pids},
        }


def lost(result: dict[str, Any]) -> list[str]:
    """Return what did not hold, in words."""
    said = [*result["failed"], *result["ended_unkilled"]]
    if result["wrong_names"]:
        said.append(f"wrong names: {result['wrong_names']}")
    if result["releases"]["published"] != result["releases"]["in_use"]:
        said.append(f"releases: {result['releases']}")
    if result["press_ms"]["p95"] > 150:
        said.append(f"a press took {result['press_ms']['p95']} ms, p95")
    if result["slowest_end_s"] > END_S:
        said.append(f"an end took {result['slowest_end_s']} s")
    if result["presses_failed"]:
        said.append(f"{result['presses_failed']} presses were not answered")
    for name, figures in result["processes"].items():
        memory = figures["anonymous_mb"]
        if memory["late"] > memory["early"] + 12:
            said.append(f"{name}: from {memory['early']} to {memory['late']} MB")
        said += [
            f"{name}: {key} from {figures[key]['early']} to {figures[key]['late']}"
            for key in ("threads", "files")
            if figures[key]["late"] > figures[key]["early"] + 2
        ]
    return said
