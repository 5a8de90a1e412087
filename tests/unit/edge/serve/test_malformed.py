"""Malformed requests of every kind: refused in words, never a server error, and nothing is left."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge.serve.guard import COMMANDS_PER_S
from tests.polling import until
from tests.serving import Device4Tests, face, serving
from tools.stress_web import ask, malformed

EACH = 6
"""tools/stress_web.py sends fifty of each, to a device that recognises."""


@pytest.fixture(scope="module")
def device() -> Iterator[Device4Tests]:
    with serving() as made:
        yield made


@pytest.mark.parametrize("kind", sorted(malformed(random.Random(0))))
def test_no_request_makes_a_server_error(device: Device4Tests, kind: str) -> None:
    make = malformed(random.Random(kind))[kind]
    address = (device.server.host, device.server.port)
    for _ in range(EACH):
        request = make()
        if request.startswith(b"POST"):
            time.sleep(1.1 / COMMANDS_PER_S)
        assert ask(address, request) < 500, request


def test_nothing_is_left_of_them(device: Device4Tests) -> None:
    def nobody_reads() -> bool:
        device.show(face(1, 60, "ada"))
        return device.hub.readers == 0

    until(nobody_reads)
    assert [t.name for t in threading.enumerate() if t.name == "http"] == ["http"]
    sockets = [p for p in Path("/proc/self/fd").iterdir() if _is_socket(p)]
    assert len(sockets) < 12
    assert httpx.get(device.url + "healthz").status_code == 200


def _is_socket(path: Path) -> bool:
    try:
        return path.readlink().name.startswith("socket:")
    except OSError:
        return False
