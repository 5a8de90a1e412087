"""paho-mqtt's client with a bound on what it will read into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > self.max_packet:
            if self.on_oversize:
                self.on_oversize(bufsize)
            raise OversizeError(f"a packet of {bufsize} B, at most {self.max_packet} B")
        return super()._sock_recv(bufsize)

    def close(self) -> None:
        """Close the socket at once, and free what the client holds."""
        self._reset_sockets()
