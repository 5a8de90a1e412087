"""A home for tests: a sender, a broker, an updater, `tvradar run`, and everybody who listens to it.

All are real processes on loopback. A `Cable` lies between the device and who listens to it, so that
a network can go away without a word, as networks do.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import av
import cv2
import httpx
import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from edge.home.discovery import EXPIRE_AFTER_S
from edge.video.age import FRESH_S
from tests.integration.conftest import TVRADAR, tvradar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
"""
FPS = 15


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def film_of(portrait: Path, film: Path, seconds: int = 6) -> Path:
    """Film a photograph with a hand that is not quite still."""
    picture = cv2.imread(str(portrait))
    assert picture is not None
    picture = cv2.resize(picture, (480, round(480 * picture.shape[0] / picture.shape[1])))[:400]
    canvas = np.full((480, 848, 3), 90, np.uint8)
    with av.open(str(film), "w") as target:
        stream = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 848, 480, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "bf": "0", "g": str(FPS // 2)}
        for number in range(seconds * FPS):
            left = 180 + round(20 * np.sin(2 * np.pi * number / (seconds * FPS)))
            bgr = canvas.copy()
            bgr[40 : 40 + picture.shape[0], left : left + 480] = picture
            target.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24")))
        target.mux(stream.encode(None))
    return film


class Cable:
    """A TCP connection's way, which can be cut: nothing passes, and nobody is told."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """Let new connections through; those from before are lost, as their packets are."""
        pairs, self._pairs = self._pairs, []
        for one in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._whole.set()

    def close(self) -> None:
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                self._whole.wait()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to_port), 5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                self._pairs.append((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                target.sendall(data)
        self._whole.wait()
        with contextlib.suppress(OSError):  # a process that was killed resets its connections
            target.shutdown(socket.SHUT_WR)


class LiveReader:
    """A page of somebody else: it keeps the protocol's rule, silence is nobody."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}/api/live"
        self._heard_s = 0.0
        self.scene: dict[str, Any] = {}
        self.state = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def names(self) -> set[str]:
        if time.monotonic() - self._heard_s > FRESH_S or self.state != "playing":
            return set()
        return {face["id"] for face in self.scene.get("faces", []) if "id" in face}

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            with (
                contextlib.suppress(OSError, TimeoutError, WebSocketException),
                connect(self._url, open_timeout=1, close_timeout=0.2) as link,
            ):
                self._read(link)
            self._stop.wait(0.2)

    def _read(self, link: Any) -> None:
        while not self._stop.is_set():
            message = json.loads(link.recv(timeout=1))
            self._heard_s = time.monotonic()
            if message["type"] == "scene":
                self.scene = message
            elif message["type"] == "state":
                self.state = message["source"]
            elif message["type"] == "hello":
                self.scene, self.state = {}, ""


class HomeAssistant:
    """What a sensor of Home Assistant shows: by discovery, availability and `expire_after`."""

    def __init__(self, port: int, device: str) -> None:
        self._base = f"tvradar/{device}"
        self._sensor = f"homeassistant/sensor/tvradar_{device}/scene/config"
        self._config: dict[str, Any] = {}
        self._scene: dict[str, Any] = {}
        self._scene_s = 0.0
        self.available = False
        self._client = _client()
        self._client.on_message = self._take
        self._client.on_connect = self._subscribe
        self._client.on_disconnect = self._lost
        self._client.reconnect_delay_set(0.2, 0.5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def names(self) -> set[str]:
        expire_after_s = self._config.get("expire_after", float("inf"))
        if not self.available or time.monotonic() - self._scene_s > expire_after_s:
            return set()
        return self.last()

    def last(self) -> set[str]:
        """Return who is in the last message, whenever it came."""
        return {person["id"] for person in self._scene.get("people", [])}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(f"{self._base}/#", 0), (self._sensor, 0)])

    def _lost(self, *_: Any) -> None:
        self.available = False

    def _take(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic == f"{self._base}/scene":
            self._scene, self._scene_s = json.loads(message.payload), time.monotonic()
        elif message.topic == f"{self._base}/events":
            self.available = message.payload == b"online"
        elif message.topic == self._sensor:
            self._config = json.loads(message.payload)


def _client() -> mqtt.Client:
    return mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)


def retained_names(port: int, device: str) -> set[str]:
    """Return whom the broker names to somebody who subscribes just now."""
    got: list[mqtt.MQTTMessage] = []
    done = threading.Event()
    client = _client()
    client.on_message = lambda _client, _data, message: got.append(message)
    client.on_connect = lambda client, *_: client.subscribe(f"tvradar/{device}/scene")
    client.on_subscribe = lambda *_: done.set()
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        return set()
    client.loop_start()
    done.wait(2)
    time.sleep(0.1)
    client.disconnect()
    client.loop_stop()
    kept = [message for message in got if message.retain]
    return {p["id"] for message in kept for p in json.loads(message.payload)["people"]}


class House:
    """All processes, and what is told where."""

    device = "livingroom"

    def __init__(self, folder: Path, people: Path, film: Path) -> None:
        self.folder, self._people, self._film = folder, people, film
        self.udp_port, self.http_port, self.broker_port = (
            free_port(socket.SOCK_DGRAM),
            free_port(),
            free_port(),
        )
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._publish()
        self.start_broker()
        self._to_broker, self.to_page = Cable(self.broker_port), Cable(self.http_port)
        (folder / "tvradar.toml").write_text(
            f'source = "udp://127.0.0.1:{self.udp_port}"\ngallery = "{folder}/gallery"\n'
            f'sync_status = "{folder}/status.json"\n'
            f"[serve]\nport = {self.http_port}\n[recognise]\ndetect_every = 2\n"
            f'[events]\nbroker = "mqtt://127.0.0.1:{self._to_broker.port}"\n'
            f'device = "{self.device}"\ndiscovery = true\n'
        )
        self.assistant = HomeAssistant(self.broker_port, self.device)
        self.reader = LiveReader(self.to_page.port)

    def _publish(self) -> None:
        """Sign a gallery and put it on a stick, for the updater to install."""
        home, stick, made = self.folder / "home", self.folder / "stick", self.folder / "made"
        for words in (
            ("enrol", self._people, "-o", made),
            ("keys", "init", "--home", home),
            ("publish", made, "--home", home, "--to", f"file://{stick}", "--probation", 0),
        ):
            ran = tvradar("gallery", *words)
            assert ran.code == 0, ran.err

    def _start(self, name: str, *command: object) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=log
            )

    def start_sender(self) -> None:
        self._start(
            "sender", sys.executable, "-m", "edge.bench.stream_sender", self._film, self.udp_port
        )

    def start_broker(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed; apt-get install mosquitto")
        folder = self.folder / "broker"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)  # mosquitto leaves root behind
        config = self.folder / "mosquitto.conf"
        config.write_text(BROKER.format(port=self.broker_port, folder=folder))
        self._start("broker", program, "-c", config)
        self._listens(self.broker_port)

    def start_updater(self) -> None:
        home, stick = self.folder / "home", self.folder / "stick"
        words = ("--gallery", self.folder / "gallery", "--state", self.folder / "state")
        words += ("--device", self.device, "--root", home / "root.json")
        words += ("--tell", self.folder / "status.json")
        self._start("updater", TVRADAR, "sync", "--from", stick, *words)

    def start_device(self) -> None:
        self._start("device", TVRADAR, "run", "--config", self.folder / "tvradar.toml")
        self._listens(self.http_port)

    def _listens(self, port: int) -> None:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"nobody listens on {port}")

    def cut(self) -> None:
        self._to_broker.cut()
        self.to_page.cut()

    def mend(self) -> None:
        self._to_broker.mend()
        self.to_page.mend()

    def signal(self, name: str, number: int) -> float:
        """Send a signal, wait for an end where one must come, and return when it was sent."""
        process, sent_s = self._processes[name], time.monotonic()
        process.send_signal(number)
        return sent_s

    def kill(self, name: str) -> float:
        sent_s = self.signal(name, 9)
        self._processes.pop(name).wait()
        return sent_s

    def end(self, name: str) -> int:
        self.signal(name, 15)
        return self._processes.pop(name).wait(30)

    def runs(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def close(self) -> None:
        self.reader.close()
        self.assistant.close()
        for name in list(self._processes):
            self.kill(name)
        self._to_broker.close()
        self.to_page.close()

    # What is told where; whoever does not answer tells nobody's name.

    def press(self) -> dict[str, Any]:
        try:
            url = f"http://127.0.0.1:{self.to_page.port}/api/press"
            found: dict[str, Any] = httpx.post(url, json={}, timeout=1).json()
        except httpx.HTTPError:
            return {"people": []}
        return found

    def pressed_names(self) -> set[str]:
        return {person["id"] for person in self.press()["people"]}

    def metric(self, name: str) -> float | None:
        try:
            text = httpx.get(f"http://127.0.0.1:{self.to_page.port}/metrics", timeout=1).text
        except httpx.HTTPError:
            return None
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    def told(self) -> dict[str, Any]:
        """Return who is told a name now, and where; empty where nobody is."""
        surfaces: dict[str, Callable[[], Any]] = {
            "press": self.pressed_names,
            "live": self.reader.names,
            "home assistant": self.assistant.names,
            "retained": lambda: retained_names(self.broker_port, self.device),
            "metrics": lambda: self.metric("tvradar_people_on_screen"),
        }
        return {where: found for where, ask in surfaces.items() if (found := ask())}


assert EXPIRE_AFTER_S <= 2
