"""A running device with the soft limit of a login shell, under connections that say nothing."""

from __future__ import annotations

import re
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import httpx

from edge.demo.material import gallery_of
from tests.integration.demo_process import material
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS = 4_000
"""A day of one such connection every 20 s, in half a minute; a third of them at once."""
HELD = 1_300


def test_a_day_of_idle_and_half_open_connections_changes_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    gallery_of(material().people_dir, tmp_path / "gallery")
    config = tmp_path / "c.toml"
    config.write_text(
        f'source = "{material().video_path}"\ngallery = "{tmp_path}/gallery"\nloop = true\n'
        "[serve]\nport = 0\n"
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    log_path = tmp_path / "log"
    try:
        with (
            log_path.open("w") as log,
            subprocess.Popen(command, stderr=log) as process,
            ExitStack() as stack,
        ):
            stack.callback(process.kill)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1024, 1024))

            def url() -> str:
                found = re.search(r"http://[^\s/]+", log_path.read_text())
                return found[0] if found else ""

            until(url, 60)
            client = stack.enter_context(httpx.Client(base_url=url()))
            until(lambda: client.get("/readyz").status_code == 200)
            port = int(url().rpartition(":")[2])
            held: list[socket.socket] = []
            slowest_s = 0.0
            for number in range(CONNECTIONS):
                with suppress(OSError):
                    one = socket.create_connection(("127.0.0.1", port), 2)
                    held.append(stack.enter_context(one))
                    if number % 2:
                        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
                if len(held) > HELD:
                    held.pop(0).close()
                if number % 200 == 199:
                    begun = time.monotonic()
                    assert httpx.post(url() + "/api/press", timeout=5).status_code == 200
                    slowest_s = max(slowest_s, time.monotonic() - begun)
            assert process.poll() is None
            before = client.get("/api/status").json()["scenes"]
            until(lambda: client.get("/api/status").json()["scenes"] > before)
            assert slowest_s < 2
            assert len(log_path.read_text().splitlines()) < 60
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
