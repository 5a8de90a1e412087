"""From a key of a remote control to the answer at an overlay.

The events are the kernel's structs in a pipe, read by python-evdev; no device was pressed here.
"""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from edge.bench.press import await_frames
from edge.buttons.evdev_keys import EvdevKeys
from edge.config import ButtonsConfig, RunConfig, ServeConfig
from edge.demo.material import gallery_of
from edge.device.app import App
from tests.integration.demo_process import material
from tests.unit.edge.buttons.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.buttons.key import Keys
    from edge.buttons.presser import Presser

pytest.importorskip("evdev", reason="no python-evdev: pip install 'tvradar[buttons]'")


@pytest.fixture
def remote() -> Remote:
    return Remote("/dev/input/event7")


@pytest.fixture
def device(remote: Remote, tmp_path: Path) -> Iterator[App]:
    gallery_of(material().people_dir, tmp_path / "gallery")

    def find(known: set[str]) -> list[Any]:
        return [] if remote.device.path in known else [remote.device]

    def keys(config: ButtonsConfig, presser: Presser) -> list[Keys]:
        return [EvdevKeys(config, presser, find)]

    config = RunConfig(
        source=str(material().video_path),
        loop=True,
        serve=ServeConfig(port=0),
        buttons=ButtonsConfig(device="auto", key="KEY_RED"),
    )
    app = App(config, tmp_path / "gallery", keys=keys)
    app.start()
    try:
        await_frames(app)
        yield app
    finally:
        app.close()


def _answer(socket: Any, *, refined: bool) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        message: dict[str, Any] = json.loads(socket.recv(timeout=10))
        if message["type"] == "answer" and message["refined"] is refined:
            return message
    raise AssertionError("no answer")


def test_the_red_key_asks_who_is_on_screen(device: App, remote: Remote) -> None:
    url = device.server.url
    with connect(url.replace("http", "ws", 1) + "api/live", max_queue=None) as socket:
        remote.key(1, age_s=0.02)
        remote.key(0)
        first = _answer(socket, refined=False)
        refined = _answer(socket, refined=True)
    assert refined["press"] == first["press"]
    with urllib.request.urlopen(url + "metrics") as answer:
        lines = answer.read().decode().splitlines()
    counts = dict(line.rsplit(" ", 1) for line in lines if "press_seconds" in line)
    assert float(counts['tvradar_press_seconds_count{answer="button"}']) == 1
    # Counted from the kernel's time of the event, which was 20 ms old when it could be read.
    assert 0.02 <= float(counts['tvradar_press_seconds_sum{answer="button"}']) < 5
