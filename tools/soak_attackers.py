"""Who presses and watches, and who attacks, all the time (`soak_attacks.py`)."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from gallery.channel.broker import Broker
from gallery.channel.link import LinkState, MqttLink

IDLE, HALF_OPEN, UNREAD = 200, 60, 20


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
