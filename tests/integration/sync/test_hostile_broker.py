"""A broker that lies in the protocol itself: it is a few lines on a socket."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from gallery.channel.broker import Broker
from gallery.channel.errors import SourceError
from gallery.channel.link import LinkState, MqttLink
from tests.polling import until


class HostileBroker:
    """Accepts, says CONNACK in the version asked for, then sends `poison`.

    `refusal` is what it says to MQTT 5 instead, before it hangs up: None when it knows that.
    """

    def __init__(
        self, poison: bytes, *, refusal: bytes | None = None, silent: bool = False
    ) -> None:
        self.poison, self.refusal, self.silent = poison, refusal, silent
        self.versions: list[int] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            connect = client.recv(4096)
            version = connect[connect.index(b"MQTT") + 4]
            self.versions.append(version)
            if self.silent:
                time.sleep(3)
                return
            if self.refusal is not None and version == 5:
                client.sendall(self.refusal)
                return
            client.sendall(b"\x20\x03\x00\x00\x00" if version == 5 else b"\x20\x02\x00\x00")
            time.sleep(0.1)
            try:
                while self.poison:
                    client.sendall(self.poison)
                    self.sent += len(self.poison)
                    self.poison = self.poison if self.sent < 64 << 20 else b""
                while client.recv(4096):
                    pass
            except OSError:
                pass

    def close(self) -> None:
        self.socket.close()


@pytest.mark.parametrize("protocol", [4, 5])
def test_oversize_message_is_not_read(protocol: int, caplog: pytest.LogCaptureFixture) -> None:
    """200 MB announced: the link hangs up instead of buffering, in MQTT 3.1.1 and 5."""
    header = b"\x30" + b"\xff\xff\xff\x5f" + b"\x00\x01t"
    broker = HostileBroker(header + b"x" * 65536)
    link = MqttLink(Broker("127.0.0.1", broker.port, protocol=protocol), "tv", backoff_base_s=20.0)
    with link:
        until(lambda: link.oversize)
        assert link.oversize == 1
        assert "oversize message refused" in caplog.text
        assert broker.sent < 16 << 20
    broker.close()


def test_unasked_messages_are_counted_and_dropped() -> None:
    broker = HostileBroker(b"\x30\x67\x00\x01t" + b"x" * 100)
    with MqttLink(Broker("127.0.0.1", broker.port, protocol=4), "tv") as link:
        until(lambda: link.unasked >= 1000)
        assert link.state is LinkState.UP
    broker.close()


@pytest.mark.parametrize(
    "refusal", [b"\x20\x02\x00\x01", b""], ids=["by its number", "hangs up, as RabbitMQ 3.10"]
)
def test_an_old_broker_gets_mqtt_3(refusal: bytes) -> None:
    broker = HostileBroker(b"", refusal=refusal)
    with MqttLink(Broker("127.0.0.1", broker.port), "tv", backoff_base_s=0.1) as link:
        link.wait_up(5)
        assert broker.versions == [5, 4]
    broker.close()


def test_nobody_listens() -> None:
    with (
        MqttLink(Broker("127.0.0.1", 9), "tv", backoff_base_s=0.1) as link,
        pytest.raises(SourceError, match="refused"),
    ):
        link.wait_up(0.5)


def test_dots_that_a_broker_made_slashes_of_are_dots_again() -> None:
    broker = HostileBroker(b"\x30\x09\x00\x05a/1/bhi")
    link = MqttLink(Broker("127.0.0.1", broker.port, protocol=4), "tv")
    with link, link.collect() as box:
        box.want(["a/1.b"])
        assert box.get(5) == ("a/1.b", b"hi")
    broker.close()
