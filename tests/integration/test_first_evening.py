"""Who runs a film sees it on the page; a press waits for the start, the end offers another."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.integration.conftest import TVRADAR, shorten, tvradar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.free import Free


@pytest.fixture
def port(free: Free, few: Path, tmp_path: Path) -> Iterator[int]:
    """Run a film of two seconds, without a word about pictures; give the port at once."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = int(taken.getsockname()[1])
    film = tmp_path / "film.mp4"
    shorten(free.clip, film, 75)
    command = [str(TVRADAR), "run", "--source", str(film), "--gallery", str(few)]
    process = subprocess.Popen(
        [*command, "--port", str(number), "--precision", "fp32"], stderr=subprocess.PIPE, text=True
    )
    try:
        yield number
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert re.search(r"open http://127\.0\.0\.1:\d+/? to see the picture", said)
    finally:
        process.kill()
        process.wait()


def until(held: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_film_is_shown_ends_and_starts_again(port: int) -> None:
    pressed = tvradar("press", "--url", f"http://127.0.0.1:{port}", "--json")  # it is starting
    assert pressed.code == 0, pressed.err
    assert json.loads(pressed.out)["picture_age_s"] is not None
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

        def source() -> Any:
            return client.get("/api/status").json()["source"]

        with connect(f"ws://127.0.0.1:{port}/api/live") as live:
            hello = json.loads(live.recv())
            assert (hello["preview"], hello["restart"]) == (True, True)
        until(lambda: source() == "ended")
        time.sleep(1)
        assert source() == "ended"  # and the service goes on
        far = tvradar("press", "--url", f"http://127.0.0.1:{port}", "--at", "900")
        assert far.code == 2
        assert "404" in far.err
        assert "not remembered" in far.err
        assert client.post("/api/restart", json={}).json() == {"restarted": True}
        until(lambda: source() == "playing")
        until(lambda: source() == "ended")


def test_a_press_without_a_service_says_so_after_ten_seconds() -> None:
    began_s = time.monotonic()
    ran = tvradar("press", "--url", "http://127.0.0.1:9")
    assert ran.code == 3
    assert "no answer" in ran.err
    assert "waiting for the service" in ran.err
    assert 9 < time.monotonic() - began_s < 20
