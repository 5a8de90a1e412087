"""The link at its seam, the socket: a broker of a few lines says what a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gallery.channel.broker import Broker
from gallery.channel.errors import SourceError
from gallery.channel.link import LinkState, MqttLink
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNACK_5 = b"\x20\x03\x00\x00\x00"
CONNACK_3 = b"\x20\x02\x00\x00"
REFUSED_5 = b"\x20\x03\x00\x87\x00"  # not authorized
SUBACK, PUBACK, PINGRESP = b"\x90", b"\x40", b"\xd0\x00"


def packet(connection: socket.socket) -> tuple[int, bytes]:
    """Read one MQTT packet; a closed connection is an error."""

    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = connection.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data

    kind, length, shift = exactly(1)[0], 0, 0
    while True:
        byte = exactly(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, exactly(length)


class Wire:
    """Accepts connections, notes packets, and acknowledges what should be.

    Args:
        answers: what each CONNECT is answered with, the last one for all further ones; empty hangs
            up.
    """

    def __init__(self, *answers: bytes) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._answers = list(answers)
        self.connects: list[bytes] = []
        self.topics: list[str] = []
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            while True:
                kind, body = packet(connection)
                if kind == 0x10:
                    self.connects.append(body)
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    if not answer:
                        connection.close()
                        return
                    connection.sendall(answer)
                elif kind & 0xF0 == 0x30:
                    size = int.from_bytes(body[:2], "big")
                    self.topics.append(body[2 : 2 + size].decode())
                    if kind & 0x06:
                        connection.sendall(PUBACK + b"\x02" + body[2 + size : 4 + size])
                elif kind == 0xC0:
                    connection.sendall(PINGRESP)

    def drop(self) -> None:
        """Cut all connections, as a broker that is killed."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def close(self) -> None:
        self._server.close()
        self.drop()


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = Wire(*getattr(request, "param", (CONNACK_5,)))
    yield made
    made.close()


def link_to(wire: Wire, **options: object) -> MqttLink:
    options.setdefault("backoff_base_s", 0.05)
    return MqttLink(Broker("127.0.0.1", wire.port), "tv-1", **options)  # type: ignore[arg-type]


def test_it_comes_up_and_a_message_arrives(wire: Wire) -> None:
    heard = threading.Event()
    with link_to(wire, on_up=heard.set) as link:
        link.wait_up(5)
        link.publish("a/b", b"1").result(5)
        assert heard.is_set()
        assert wire.topics == ["a/b"]
        assert b"tv-1" in wire.connects[0]
    assert link.state is LinkState.CLOSED


def test_what_waited_for_the_connection_is_sent_when_it_is_there(wire: Wire) -> None:
    link = link_to(wire)
    done = link.publish("early", b"1")
    with link:
        done.result(5)
    assert wire.topics == ["early"]


def test_what_has_expired_while_it_waited_is_not_sent(wire: Wire) -> None:
    link = link_to(wire)
    done = link.publish("scene", b"1", expires_s=0)
    time.sleep(0.01)
    with link, pytest.raises(SourceError, match="waited longer than 0 s"):
        done.result(5)
    assert wire.topics == []


def test_a_lost_connection_is_made_again_and_what_was_under_way_is_told(wire: Wire) -> None:
    with link_to(wire) as link:
        link.wait_up(5)
        wire.drop()
        until(lambda: link.connects == 2)
        link.publish("again", b"1").result(5)
    assert len(wire.connects) == 2


@pytest.mark.parametrize("wire", [(b"", CONNACK_3)], indirect=True)
def test_a_broker_that_hangs_up_on_mqtt_5_is_spoken_to_in_3_1_1(wire: Wire) -> None:
    with link_to(wire) as link:
        link.wait_up(10)
        assert not link.can_expire
    versions = [body[6] for body in wire.connects]  # after the length and "MQTT"
    assert versions == [5, 4]


@pytest.mark.parametrize("wire", [(REFUSED_5,)], indirect=True)
def test_a_refusal_is_told_with_its_reason(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    with link_to(wire) as link, pytest.raises(SourceError, match="Not authorized"):
        link.wait_up(0.5)
    assert {body[6] for body in wire.connects} == {5}  # refused as MQTT 5, asked as that again
    assert [r.levelname for r in caplog.records if "next try" in r.getMessage()][:1] == ["WARNING"]


def test_where_nobody_listens_it_says_so_and_closes_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    link = MqttLink(Broker("127.0.0.1", port), "tv-1").start()
    with pytest.raises(SourceError, match=r"no connection in 0 s .*check address, credentials"):
        link.wait_up(0.3)
    begun = time.monotonic()
    link.close()
    assert time.monotonic() - begun < 2
