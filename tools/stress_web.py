"""Treat a running device's web side badly, and see whether it leaks, fails or names fewer frames.

    python tools/stress_web.py [--connects 10000] [--slow 100] [--malformed 50] [--json]

The device is a real `tvradar demo` in a process of its own. Phases: WebSockets that connect and
drop (politely, by a reset, in the middle of the handshake), readers that never read, and malformed
requests of each kind, slowly enough to pass the rate limit. After each: open files, threads and
resident memory of the device, frames recognised a second in the meantime, and what was answered.
Before all of it some connects warm up: their figures are those that the others are held to.
Exits 1 when something leaked, failed (a status of 500 or more) or slowed recognition down.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.serve.guard import COMMANDS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TVRADAR = Path(sys.executable).parent / "tvradar"
RATE_S = 5.0
MAX_GROWTH_MB = 16.0
MIN_RATE_SHARE = 0.8
"""Clients and device share this machine's cores; a device of its own would keep more."""
HANDSHAKE = (
    b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
Address = tuple[str, int]


class Device:
    """The service under stress, seen from outside."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid, self.url = pid, url
        parts = urlsplit(url)
        self.address: Address = (parts.hostname or "127.0.0.1", parts.port or 80)

    def figures(self) -> dict[str, float]:
        """Return open files, threads and resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        rss_kb, threads = (
            int(re.findall(rf"^{key}:\s+(\d+)", status, re.MULTILINE)[0])
            for key in ("VmRSS", "Threads")
        )
        files = len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208
        return {"files": files, "threads": threads, "rss_mb": round(rss_kb / 1024, 1)}

    def scenes(self) -> int:
        """Return how many frames have been recognised."""
        with urllib.request.urlopen(self.url + "api/status", timeout=10) as answer:  # noqa: S310
            return int(json.load(answer)["scenes"])

    def readers(self) -> float:
        """Return how many overlays the device thinks are connected."""
        with urllib.request.urlopen(self.url + "metrics", timeout=10) as answer:  # noqa: S310
            found = re.search(rb"^tvradar_live_readers (\S+)", answer.read(), re.MULTILINE)
        assert found is not None
        return float(found[1])

    def rate(self) -> float:
        """Return the frames recognised in a second, measured for a while."""
        first, begun = self.scenes(), time.monotonic()
        time.sleep(RATE_S)
        return (self.scenes() - first) / (time.monotonic() - begun)

    def settle(self) -> None:
        """Wait until the device has noticed that its readers have gone."""
        until = time.monotonic() + 30
        while self.readers() and time.monotonic() < until:
            time.sleep(0.2)


def connects(address: Address, count: int) -> None:
    """Connect and drop: in the handshake, after it, politely and by a reset."""
    for i in range(count):
        one = socket.create_connection(address, timeout=10)
        kind = i % 4
        one.sendall(HANDSHAKE[: len(HANDSHAKE) // 2] if kind == 0 else HANDSHAKE)
        if kind > 1:
            one.recv(64)
        if kind == 2:
            one.shutdown(socket.SHUT_RDWR)
        if kind == 3:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()


@contextlib.contextmanager
def slow_readers(address: Address, count: int) -> Iterator[list[socket.socket]]:
    """Join with readers that never read."""
    stuck = []
    for _ in range(count):
        one = socket.create_connection(address, timeout=10)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(HANDSHAKE)
        one.recv(12)
        stuck.append(one)
    try:
        yield stuck
    finally:
        for one in stuck:
            one.close()


def _head(method: str, path: str, *lines: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""])


def malformed(random_: random.Random) -> dict[str, Callable[[], bytes]]:
    """Return the kinds of malformed requests, each a maker of one more."""

    def noise(most: int = 300) -> bytes:
        return random_.randbytes(random_.randint(1, most))

    def text(most: int = 60) -> str:
        return "".join(chr(random_.randint(33, 0x2FF)) for _ in range(random_.randint(1, most)))

    def post(path: str, body: bytes, *lines: str) -> bytes:
        return _head("POST", path, f"Content-Length: {len(body)}", *lines).encode() + body

    def wrong_json() -> bytes:
        value = random_.choice([None, [], {}, text(), 1e308, -1, {"at": text()}, {"track": {}}])
        return json.dumps({random_.choice(["at", "to_s", "id", "x"]): value}).encode()

    def posted(body: Callable[[], bytes]) -> bytes:
        return post("/api/" + random_.choice(["press", "feedback", "seek"]), body())

    def framed() -> bytes:  # what follows the handshake is no WebSocket
        return HANDSHAKE + noise()

    def masked() -> bytes:  # a whole text frame with nonsense in it
        body = noise(100)
        return HANDSHAKE + b"\x81" + bytes([0x80 | len(body)]) + b"\0\0\0\0" + body

    def host() -> bytes:
        return f"GET / HTTP/1.1\r\nHost: {text()}\r\n\r\n".encode()

    def token() -> str:
        return "".join(random_.choice("%/.~;@&=+\\abc") for _ in range(random_.randint(1, 80)))

    return {
        "noise": noise,
        "request line": lambda: noise(40) + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "method": lambda: _head(token().replace("/", "X") or "X", "/api/press").encode(),
        "path": lambda: _head("GET", "/" + token()).encode(),
        "person": lambda: _head("GET", f"/api/people/{token()}/scenes").encode(),
        "query": lambda: _head("GET", "/?token=" + token()).encode(),
        "header": lambda: _head("GET", "/", f"X{text()}: {text()}").encode(),
        "host": host,
        "origin": lambda: _head("POST", "/api/press", f"Origin: {text()}").encode(),
        "cookie": lambda: _head("GET", "/", f"Cookie: tvradar_token={text()}").encode(),
        "length": lambda: _head("POST", "/api/press", f"Content-Length: {text(6)}").encode(),
        "chunks": lambda: (
            _head("POST", "/api/press", "Transfer-Encoding: chunked").encode() + noise()
        ),
        "large": lambda: post("/api/press", b"{" + b" " * random_.randint(4096, 60_000)),
        "body": lambda: posted(noise),
        "json": lambda: posted(wrong_json),
        "deep json": lambda: posted(lambda: b"[" * random_.randint(100, 4000)),
        "upgrade": lambda: _head("GET", "/api/live", f"Upgrade: {text()}").encode(),
        "frames": framed,
        "text frame": masked,
    }


def ask(address: Address, request: bytes) -> int:
    """Send a request; return the status of its answer, 0 where there is none."""
    with contextlib.suppress(OSError):
        with socket.create_connection(address, timeout=10) as one:
            one.sendall(request)
            one.shutdown(socket.SHUT_WR)
            one.settimeout(10)
            answer = one.recv(64)
        found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        return int(found[1]) if found else 0
    return 0


def stress(device: Device, *, drops: int, slow: int, each: int, seed: int) -> dict[str, object]:
    """Return what was seen in each phase."""
    connects(device.address, max(200, drops // 20))
    device.settle()
    result: dict[str, object] = {"before": device.figures(), "frames_per_s": device.rate()}
    begun, first = time.monotonic(), device.scenes()
    connects(device.address, drops)
    took_s = time.monotonic() - begun
    rate = (device.scenes() - first) / took_s
    device.settle()
    result["connects"] = {"count": drops, "s": took_s, "frames_per_s": rate, **device.figures()}
    with slow_readers(device.address, slow):
        rate = device.rate()
        during = device.figures()
    device.settle()
    after = device.figures()
    result["slow"] = {"count": slow, "frames_per_s": rate, "during": during, **after}
    kinds = malformed(random.Random(seed))
    statuses: dict[str, dict[int, int]] = {}
    begun, first = time.monotonic(), device.scenes()
    for kind, make in kinds.items():
        counts = statuses.setdefault(kind, {})
        for _ in range(each):
            request = make()
            if request.startswith(b"POST"):
                time.sleep(1.1 / COMMANDS_PER_S)  # or all would be told to come later
            status = ask(device.address, request)
            counts[status] = counts.get(status, 0) + 1
    rate = (device.scenes() - first) / (time.monotonic() - begun)
    device.settle()
    figures = device.figures()
    result["malformed"] = {"each": each, "frames_per_s": rate, "statuses": statuses, **figures}
    return result


def judge(result: dict[str, object]) -> list[str]:
    """Return what is wrong, in words."""
    before, usual = result["before"], result["frames_per_s"]
    assert isinstance(before, dict)
    assert isinstance(usual, float)
    wrong = []
    for phase in ("connects", "slow", "malformed"):
        seen = result[phase]
        assert isinstance(seen, dict)
        for key, room in (("files", 2), ("threads", 1), ("rss_mb", MAX_GROWTH_MB)):
            if seen[key] > before[key] + room:
                wrong.append(f"{phase}: {key} {seen[key]}, before {before[key]}")
        if seen["frames_per_s"] < MIN_RATE_SHARE * usual:
            wrong.append(f"{phase}: {seen['frames_per_s']:.1f} frames/s, usually {usual:.1f}")
        for kind, counts in seen.get("statuses", {}).items():
            wrong += [f"{kind}: status {s}, {n} times" for s, n in counts.items() if s >= 500]
    return wrong


@contextlib.contextmanager
def running() -> Iterator[Device]:
    """Run a device on the demonstration, as its user would."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [str(TVRADAR), "demo", "--no-browser", "--port", "0"], stdout=log, stderr=log
        )
        try:
            yield Device(process.pid, _address(process, log.fileno()))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: int) -> str:
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        found = re.search(rb"http://[0-9.]+:\d+/", os.pread(log, 65_536, 0))
        if found:
            time.sleep(5)  # the models have run, buffers are as large as they will be
            return found[0].decode()
        time.sleep(0.2)
    raise SystemExit(f"the device did not start:\n{os.pread(log, 65_536, 0).decode()}")


def main() -> None:
    """Run all phases and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connects", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--malformed", type=int, default=50, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with running() as device:
        result = stress(
            device,
            drops=options.connects,
            slow=options.slow,
            each=options.malformed,
            seed=options.seed,
        )
    wrong = judge(result)
    result["wrong"] = wrong
    print(json.dumps(result, indent=None if options.json else 2))
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
