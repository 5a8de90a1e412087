"""Signed metadata from retained messages.

Topics: `<prefix>/m/3.snapshot.json`, `<prefix>/t/<sha256>.release.json`, `<prefix>/c/<sha256>`
(chunks) and `<prefix>/head`, an unsigned hint with the number of the newest root.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.errors import Refused, SourceError
from gallery.channel.link import LinkState
from gallery.channel.metadata import MissingError, SlowError, refuse_empty
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery.channel.link import MqttLink
    from gallery.channel.subscriptions import Collector

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 10.0
HEAD_GRACE_S = 0.05
_ROOT = re.compile(r"(\d+)\.root\.json")


class Head(msgspec.Struct, frozen=True):
    """The hint: an absent topic gives no "not found", so this says where the roots end."""

    root: int


class MqttMetadata:
    """Reads by exact topic, never by wildcard; one read at a time."""

    def __init__(self, link: MqttLink, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._prefix = link.broker.prefix
        self.head_lied = False
        self._pushed: bytes | None = None

    def push(self, timestamp: bytes) -> None:
        """Take a timestamp that the broker sent of itself; it spares the next read.

        An empty one tells of a deletion and is no file.
        """
        self._pushed = timestamp or None

    def read(self, folder: str, name: str) -> Iterator[bytes]:
        """Return the retained message of that name."""
        topic = f"{self._prefix}/{folder}/{name}"
        root = _ROOT.fullmatch(name)
        with self._link.collect(size=8) as collector:
            if root:
                data = self._read_root(collector, topic, int(root.group(1)))
            elif name == "timestamp.json" and self._pushed is not None:
                data, self._pushed = self._pushed, None
            else:
                collector.want([topic])
                data = self._await(collector, topic)
        return iter([refuse_empty(name, data)])

    def _await(self, collector: Collector, topic: str) -> bytes:
        oversize = self._link.oversize
        message = collector.get(self._timeout_s)
        if message is None:
            if self._link.oversize > oversize:
                raise Refused("oversize message", f"{topic}: {self._link.oversize_detail}")
            if self._link.state is not LinkState.UP:
                raise SourceError(f"{self._link.broker}: {self._link.reason or 'not connected'}")
            raise SlowError(f"{topic}: not delivered within {self._timeout_s:g} s")
        return message[1]

    def _read_root(self, collector: Collector, topic: str, version: int) -> bytes:
        """Return the next root, or report that there is none.

        The hint cannot hide a root that the broker delivers, as both are asked for at once, and
        cannot hold the update up: a root that it promised and that does not come counts as absent.
        Then the old keys decide, and what new keys signed is refused.
        """
        head_topic = f"{self._prefix}/head"
        collector.want([topic, head_topic])
        deadline_s = time.monotonic() + self._timeout_s
        while (message := collector.get(deadline_s - time.monotonic())) is not None:
            if message[0] == topic:
                return message[1]
            if _newest_root(message[1]) < version:
                deadline_s = min(deadline_s, time.monotonic() + HEAD_GRACE_S)
            else:
                self.head_lied = True  # until the root arrives after all
        if self.head_lied:
            log.warning("lying head: root %d was promised and never delivered", version)
        raise MissingError(f"{topic}: no such root")


def _newest_root(payload: bytes) -> int:
    with contextlib.suppress(msgspec.DecodeError):
        return decode_json(payload, Head).root
    return 0
