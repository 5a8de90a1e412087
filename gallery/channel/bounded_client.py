"""paho-mqtt's client with a bound on what it will read into memory."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gallery.channel.broker import Broker


class OversizeError(OSError):
    """The broker began a packet that is larger than we read."""


class BoundedClient(mqtt.Client):
    """Ends the connection before it reads a packet larger than `max_packet`.

    MQTT 5 lets us tell the broker a limit, MQTT 3.1.1 does not, and a hostile broker heeds
    neither: paho-mqtt would then buffer up to 256 MB. `_sock_recv` is where it asks for the rest
    of a packet; a test holds that this is still so.
    """

    max_packet = 2 * 1024 * 1024
    on_oversize: Callable[[int], None] | None = None

    def reach(self, broker: Broker, keepalive_s: int) -> None:
        """Open the connection, and tell a broker of MQTT 5 our limit.

        Raises:
            OSError, ValueError: it cannot be opened.
        """
        properties, clean_start = None, mqtt.MQTT_CLEAN_START_FIRST_ONLY
        if self.protocol == mqtt.MQTTv5:
            properties, clean_start = Properties(PacketTypes.CONNECT), True  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = self.max_packet
        self.connect(
            broker.host, broker.port, keepalive_s, clean_start=clean_start, properties=properties
        )

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > self.max_packet:
            if self.on_oversize:
                self.on_oversize(bufsize)
            raise OversizeError(f"a packet of {bufsize} B, at most {self.max_packet} B")
        return super()._sock_recv(bufsize)

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Shake hands; unlike paho-mqtt's own, it closes the socket when that fails."""
        assert self._ssl_context is not None
        wrapped = self._ssl_context.wrap_socket(
            tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            wrapped.settimeout(self.connect_timeout)
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped

    def close(self) -> None:
        """Close the socket at once, and free what the client holds."""
        self._reset_sockets()


def no_delay(_client: mqtt.Client, _data: Any, sock: Any) -> None:
    """Nagle's algorithm makes one refresh 350 ms instead of 7."""
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
