"""Chunks over MQTT: retained messages, and chunk servers behind a shared subscription.

A request goes to `<prefix>/rq/<client>` and the answer to `<prefix>/rs/<client>`: the server
derives the answer's topic from the request's, so nobody can have chunks sent to someone else,
and it works alike in MQTT 3.1.1. Request: number (4 bytes), sha256 of the file (32), offset (8),
length (4), all big-endian. Answer: number, then the bytes; only the number where there are none.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from typing import TYPE_CHECKING

from gallery.channel.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gallery.channel.link import MqttLink
    from gallery.channel.manifest import Chunk
    from gallery.channel.subscriptions import Collector

REQUEST = struct.Struct(">I32sQI")
NUMBER = struct.Struct(">I")
RETAINED_WINDOW = 32
SERVER_WINDOW = 8
SILENCE_S = 3.0


class RetainedChunks:
    """`<prefix>/c/<sha256>`, by exact topic; a window of subscriptions is kept open."""

    name = "retained"

    def __init__(self, link: MqttLink, silence_s: float = SILENCE_S) -> None:
        self._link, self._silence_s = link, silence_s
        self._prefix = f"{link.broker.prefix}/c/"

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """Yield chunks as the broker delivers them."""
        rest = deque(chunk for chunk in wanted if chunk.retained)
        if not rest:
            raise SourceError("retained: the publisher keeps none of these on the broker")
        waiting: dict[str, list[Chunk]] = {}
        with self._link.collect(4 * RETAINED_WINDOW) as collector:
            while rest or waiting:
                self._open(collector, rest, waiting)
                message = collector.get(self._silence_s)
                if message is None:
                    raise SourceError(f"retained: {len(waiting)} chunks not delivered")
                topic, data = message
                chunks = waiting.pop(topic, [])
                collector.drop([topic])
                for chunk in chunks:
                    yield chunk, data

    def _open(
        self, collector: Collector, rest: deque[Chunk], waiting: dict[str, list[Chunk]]
    ) -> None:
        fresh = []
        while rest and len(waiting) < RETAINED_WINDOW:
            chunk = rest.popleft()
            topic = self._prefix + chunk.sha256
            if topic not in waiting:
                fresh.append(topic)
            waiting.setdefault(topic, []).append(chunk)
        if fresh:
            collector.want(fresh)


class ServerChunks:
    """Chunk servers; a window of requests is kept open, and repeated where nothing comes."""

    name = "servers"

    def __init__(
        self, link: MqttLink, window: int = SERVER_WINDOW, silence_s: float = SILENCE_S
    ) -> None:
        self._link, self._window, self._silence_s = link, window, silence_s
        self._ask = f"{link.broker.prefix}/rq/{link.client_id}"
        self._answers = f"{link.broker.prefix}/rs/{link.client_id}"
        self._number = 0

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """Yield chunks as they are answered."""
        rest = deque(wanted)
        open_: dict[int, tuple[Chunk, float]] = {}
        missing = 0
        heard_s = time.monotonic()
        with self._link.collect(8 * self._window) as collector:
            collector.want([self._answers])
            while rest or open_:
                while rest and len(open_) < self._window:
                    self._request(rest.popleft(), open_)
                message = collector.get(self._silence_s / 4)
                if message is None:
                    if time.monotonic() - heard_s > self._silence_s:
                        raise SourceError(f"chunk servers: silent for {self._silence_s:g} s")
                    self._repeat(open_)
                    continue
                number = NUMBER.unpack(message[1][:4])[0] if len(message[1]) >= 4 else -1
                if number not in open_:
                    continue  # the answer to a repeated request, or none of ours
                heard_s = time.monotonic()
                chunk, _ = open_.pop(number)
                if len(message[1]) == 4:
                    missing += 1
                    continue
                yield chunk, message[1][4:]
        if missing:
            raise SourceError(f"chunk servers: they do not have {missing} of {len(wanted)} chunks")

    def _request(self, chunk: Chunk, open_: dict[int, tuple[Chunk, float]]) -> None:
        self._number = (self._number + 1) % 2**32
        open_[self._number] = (chunk, time.monotonic())
        payload = REQUEST.pack(self._number, bytes.fromhex(chunk.file), chunk.offset, chunk.length)
        self._link.publish(self._ask, payload, qos=0)

    def _repeat(self, open_: dict[int, tuple[Chunk, float]]) -> None:
        """Ask again: the server that had the request may be gone."""
        now_s = time.monotonic()
        for number, (chunk, asked_s) in list(open_.items()):
            if now_s - asked_s > self._silence_s / 2:
                del open_[number]
                self._request(chunk, open_)
