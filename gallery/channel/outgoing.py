"""A message on its way to the broker, and why it may not be sent any more."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gallery.channel.errors import SourceError

if TYPE_CHECKING:
    from gallery.channel.broker import Broker

HEADER = 16


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that waits for its connection.

    Attributes:
        topic: where to.
        payload: what.
        qos: quality of service, 0 or 1.
        retain: keep it for who subscribes later.
        expires_s: for this long at most, as far as the broker speaks MQTT 5; where it had to wait
            longer for a connection it is not sent at all.
        queued_s: since when it waits.
        done: ends when the broker acknowledges it (QoS 0: when it is sent).
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expires_s: int | None = None
    queued_s: float = field(default_factory=time.monotonic)
    done: Future[None] = field(default_factory=Future)

    def send(self, client: mqtt.Client, broker: Broker, largest: int) -> int | None:
        """Hand it to the client; return its number where an acknowledgement will come.

        Args:
            client: the connection.
            broker: for the text of an error.
            largest: what the broker takes, in bytes.
        """
        why_not = self._why_not(broker, largest)
        if why_not:
            self.done.set_exception(SourceError(f"{self.topic}: {why_not}"))
            return None
        properties = None
        if self.expires_s is not None and client.protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = self.expires_s
        info = client.publish(self.topic, self.payload, self.qos, self.retain, properties)
        if info.rc == mqtt.MQTT_ERR_NO_CONN:
            self.done.set_exception(SourceError(f"{self.topic}: the connection was lost"))
        elif self.qos == 0:
            self.done.set_result(None)
        else:
            return info.mid
        return None

    def _why_not(self, broker: Broker, largest: int) -> str:
        if self.expires_s is not None and time.monotonic() - self.queued_s > self.expires_s:
            return f"waited longer than {self.expires_s} s"
        if len(self.payload) + len(self.topic) + HEADER > largest:
            return f"{len(self.payload)} B, {broker} takes {largest} B"
        return ""
