"""Connections that say nothing, or too slowly, cost little and keep nobody out."""

import gc
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from edge.serve.connections import KEPT_DESCRIPTORS, MOST, Gate, most_connections
from tests.polling import until
from tests.serving import Device4Tests, face, serving


@pytest.fixture
def device() -> Iterator[Device4Tests]:
    with serving(gate=Gate(24, 16, request_s=1.0, answer_s=2.0)) as made:
        made.show(face(1, 50, "ada"))
        yield made


def silent(device: Device4Tests, host: str = "127.0.0.1", said: bytes = b"") -> socket.socket:
    one = socket.create_connection(
        (device.server.host, device.server.port), timeout=5, source_address=(host, 0)
    )
    if said:
        one.sendall(said)
    return one


@contextmanager
def many(*sockets: socket.socket) -> Iterator[tuple[socket.socket, ...]]:
    with ExitStack() as stack:
        yield tuple(stack.enter_context(one) for one in sockets)


def is_closed(one: socket.socket) -> bool:
    one.settimeout(3)
    try:
        while one.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_silent_connections_make_room_for_a_viewer(device: Device4Tests) -> None:
    with ExitStack() as stack:
        for n in range(300):
            stack.enter_context(silent(device, f"127.0.0.{2 + n % 5}"))
            assert device.server.gate.connections <= 24
        begun = time.monotonic()
        assert httpx.get(device.url + "healthz").status_code == 200
        assert httpx.post(device.url + "api/press").json()["press"]
        assert time.monotonic() - begun < 5  # who waits for a silent one waits for 10 s
    assert device.server.gate.turned_away >= 276


def test_one_address_does_not_take_the_room_of_others(device: Device4Tests) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(silent(device, "127.0.0.9"))
        for _ in range(100):
            stack.enter_context(silent(device))
        time.sleep(0.2)
        assert device.server.gate.connections <= 17
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: local",
        b"POST /api/press HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",  # answered, then idle
    ],
)
def test_a_request_that_does_not_come_whole_is_cut_off(device: Device4Tests, said: bytes) -> None:
    with many(silent(device, said=said)) as (one,):
        begun = time.monotonic()
        assert is_closed(one)
        assert 0.8 < time.monotonic() - begun < 2.5
    assert device.server.gate.timed_out == 1
    assert device.server.gate.connections == 0


def test_a_byte_now_and_then_wins_no_time(device: Device4Tests) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200
    with many(silent(device)) as (one,):
        begun = time.monotonic()
        try:
            for n in range(len(request)):
                one.sendall(request[n : n + 1])
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - begun < 2.5


def test_a_socket_outlives_the_time_for_requests_and_leaves_no_trace(device: Device4Tests) -> None:
    address = device.url.replace("http", "ws") + "api/live"
    with connect(address) as reader:
        time.sleep(1.5)
        device.show(face(1, 60, "ada"))
        assert any(json.loads(reader.recv(timeout=5))["type"] == "scene" for _ in range(4))
        assert device.server.gate.connections == 1
    until(lambda: device.server.gate.connections == 0)


def test_sockets_leave_room_for_presses(device: Device4Tests) -> None:
    address = device.url.replace("http", "ws") + "api/live"
    with ExitStack() as stack:
        taken = 0
        for _ in range(16):
            with_room = device.server.gate.turned_away == 0
            try:
                stack.enter_context(connect(address, close_timeout=0.2))
                taken += 1
            except Exception:  # noqa: BLE001
                assert not with_room or taken == 12
        assert taken == 12
        assert httpx.post(device.url + "api/press").status_code == 200


def code_of_the_end(reader: ClientConnection) -> int:
    try:
        while True:
            reader.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def test_text_that_is_no_utf8_ends_the_socket_without_a_traceback(
    device: Device4Tests, caplog: pytest.LogCaptureFixture
) -> None:
    address = device.url.replace("http", "ws") + "api/live"
    for parts in (b"\xff\xfe", [b'{"type":"', b"\xc3", b"\x28"]):
        with connect(address) as reader:
            reader.send(parts, text=True)
            assert code_of_the_end(reader) == 1007
    assert "Traceback" not in caplog.text
    assert not caplog.records


def test_a_command_nested_too_deep_is_passed_over(
    device: Device4Tests, caplog: pytest.LogCaptureFixture
) -> None:
    """Deeper than the interpreter's stack goes: the socket goes on, and the next press counts."""
    with connect(device.url.replace("http", "ws") + "api/live") as reader:
        reader.send('{"type":"press","x":' + "[" * 4000)
        reader.send('{"type":"press"}')
        while '"type":"answer"' not in (message := str(reader.recv(5))):
            assert message
    gc.collect()  # a task's error is told when it goes
    assert not caplog.records


def test_descriptors_are_kept_for_ourselves() -> None:
    assert most_connections(1 << 20) == most_connections(-1) == MOST
    assert most_connections(1024) <= 1024 - KEPT_DESCRIPTORS
    assert most_connections(300) == 300 - KEPT_DESCRIPTORS
    assert most_connections(100) == 8
