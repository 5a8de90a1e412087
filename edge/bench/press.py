"""`bench press`: the time from a press to its first and its refined answer, while a film runs."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from websockets.sync.client import connect

from edge.config import RecogniseConfig, RunConfig, ServeConfig
from edge.device.app import App
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from websockets.sync.client import ClientConnection

REST_S = 0.1
READY_S = 60.0


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class PressBench(msgspec.Struct, frozen=True):
    """What presses took.

    Attributes:
        first_ms: to the first answer, over HTTP.
        refined_ms: from the press to the refined answer, over the WebSocket.
        websocket_ms: to the first answer, when the press came over the WebSocket.
        in_process_ms: to the first answer, without a network.
        presses: how many of each.
        frames_per_s: what the recogniser got through meanwhile.
    """

    first_ms: Spread
    refined_ms: Spread
    websocket_ms: Spread
    in_process_ms: Spread
    presses: int
    frames_per_s: float


def bench_press(
    source: str, gallery_dir: Path, presses: int, on_press: Callable[[], None] = lambda: None
) -> PressBench:
    """Play a film at its own speed and press the button again and again.

    Raises:
        EdgeError: the service did not become ready.
    """
    config = RunConfig(
        source=source,
        loop=True,
        serve=ServeConfig(port=0),
        recognise=RecogniseConfig(detect_every=2, long_side_px=640),
    )
    app = App(config, gallery_dir)
    app.start()
    try:
        await_frames(app)
        address = app.server.url.replace("http", "ws", 1) + "api/live"
        http, refined, websocket, inside = [], [], [], []
        begun, frames = time.perf_counter(), app.scenes
        with connect(address, max_queue=None) as socket:
            for _ in range(presses):
                first, late = _over_http(app.server.url, socket)
                http.append(first)
                refined.append(late)
                websocket.append(_over_websocket(socket))
                inside.append(_inside(app))
                on_press()
                time.sleep(REST_S)
        elapsed = time.perf_counter() - begun
        rate = (app.scenes - frames) / elapsed
    finally:
        app.close()
    return PressBench(
        spread(http),
        spread(refined),
        spread(websocket),
        spread(inside),
        presses,
        round(rate, 1),
    )


def await_frames(app: App) -> None:
    """Wait until the service has recognised a frame."""
    deadline = time.monotonic() + READY_S
    while not app.scenes:
        if app.failure is not None:
            raise app.failure
        if time.monotonic() > deadline:
            raise EdgeError(f"bench: no frame within {READY_S:.0f} s")
        time.sleep(0.05)


def _over_http(url: str, socket: ClientConnection) -> tuple[float, float]:
    """Return the seconds to the first answer and to the refined one."""
    begun = time.perf_counter()
    request = urllib.request.Request(url + "api/press", b"{}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        press = json.load(response)["press"]
    first = time.perf_counter() - begun
    _await(socket, press, refined=True)
    return first, time.perf_counter() - begun


def _over_websocket(socket: ClientConnection) -> float:
    begun = time.perf_counter()
    socket.send('{"type":"press"}')
    _await(socket, None, refined=False)
    return time.perf_counter() - begun


def _inside(app: App) -> float:
    begun = time.perf_counter()
    app.history.press()
    return time.perf_counter() - begun


def _await(socket: ClientConnection, press: int | None, *, refined: bool) -> None:
    while True:
        message = json.loads(socket.recv(timeout=10))
        if message["type"] != "answer" or message["refined"] != refined:
            continue
        if press is None or message["press"] == press:
            return


def pass_time(seconds: float, on_second: Callable[[], None]) -> float:
    """Wait, and tell each second; return how long it really was."""
    begun_s = time.monotonic()
    while (left_s := begun_s + seconds - time.monotonic()) > 0:
        time.sleep(min(1.0, left_s))
        on_second()
    return time.monotonic() - begun_s


def spread(seconds: list[float]) -> Spread:
    """Return the quantiles."""
    p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99]) * 1000
    return Spread(round(float(p50), 2), round(float(p95), 2), round(float(p99), 2))
