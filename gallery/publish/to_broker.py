"""Publish to a broker: metadata and small new files as retained messages.

A broker forgets: mosquitto loses acknowledged retained messages on kill -9 with its default
settings, a cluster may share none. So `repair()` reads back what should be there and sends what
is missing or different; the publisher's service does so on each connect and every ten minutes.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import write_atomically
from gallery.channel.errors import SourceError
from gallery.channel.mqtt_metadata import Head
from gallery.publish.content import published
from gallery.publish.errors import PublishError
from gallery.publish.to_folder import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gallery.channel.link import MqttLink
    from gallery.channel.manifest import File
    from gallery.publish.repository import Repository

WINDOW = 64
ACK_TIMEOUT_S = 30.0
READ_TIMEOUT_S = 5.0
KEEP_GENERATIONS = 1
"""A device may be in the middle of the release before."""


class Item(msgspec.Struct, frozen=True):
    """One retained message: its topic below the prefix, and where its bytes are."""

    topic: str
    read: Callable[[], bytes]
    size: int


class Sent(msgspec.Struct, frozen=True):
    """A retained message that the broker acknowledged; without a hash, one that it may have."""

    sha256: str
    generation: int


class Ledger(msgspec.Struct, frozen=True):
    """What lies on a broker as far as we know."""

    generation: int = 0
    sent: dict[str, Sent] = {}


class BrokerPlace:
    """The retained messages of one channel on one broker."""

    def __init__(self, repository: Repository, link: MqttLink) -> None:
        self._repository, self._link = repository, link
        broker = link.broker
        name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{broker.host}-{broker.port}-{broker.prefix}")
        self._file = repository.home / "brokers" / f"{name}.json"
        self._ledger = Ledger()
        if self._file.is_file():
            self._ledger = msgspec.json.decode(self._file.read_bytes(), type=Ledger)
        self._generation = self._ledger.generation
        self._sent = dict(self._ledger.sent)

    def publish(self, progress: Progress = no_progress) -> int:
        """Send what is new, timestamp last, and check that it is there; return the bytes.

        Raises:
            PublishError: the broker refused or did not keep a message.
        """
        self._generation += 1
        self._intend()
        sent = self._send(lambda item: not self._sent[item.topic].sha256, progress)
        if not self._is_kept():  # a broker without persistence was restarted, or says no to us
            sent += self.repair()
            self._require_kept()
        self._remove_stale()
        self._save()
        return sent

    def repair(self) -> int:
        """Read everything back and send what is missing or different; return the bytes."""
        bad: set[str] = set()
        for layer in self._layers():
            for start in range(0, len(layer), WINDOW):
                items = layer[start : start + WINDOW]
                found = self._read([item.topic for item in items])
                bad |= {item.topic for item in items if found.get(item.topic) != item.read()}
        if not bad:
            return 0
        self._intend()
        sent = self._send(lambda item: item.topic in bad, no_progress, everything=False)
        self._save()
        return sent

    def _intend(self) -> None:
        """Note what is about to be sent: after a kill -9 in between, nothing is left for ever."""
        for layer in self._layers():
            for item in layer:
                self._sent.setdefault(item.topic, Sent("", self._generation))
        self._save()

    def _send(
        self, choose: Callable[[Item], bool], progress: Progress, *, everything: bool = True
    ) -> int:
        layers = self._layers()
        total = sum(item.size for layer in layers for item in layer)
        sent = done = 0
        for layer in layers:
            waiting: list[Future[None]] = []
            for item in layer:
                done += item.size
                if not choose(item) and not self._changes(item, everything=everything):
                    self._note(item.topic)
                    continue
                payload = item.read()
                sent += len(payload)
                waiting.append(self._link.publish(self._topic(item.topic), payload, retain=True))
                self._note(item.topic, payload)
                if len(waiting) >= WINDOW:
                    self._acknowledged([waiting.pop(0)])
                    progress(done, total)
            # Nothing of the next layer goes out before the broker has this one.
            self._acknowledged(waiting)
            progress(done, total)
        return sent

    def _changes(self, item: Item, *, everything: bool) -> bool:
        """Return whether the content under this name is new: true of two topics only."""
        if not everything or item.topic not in {"m/timestamp.json", "head"}:
            return False
        known = self._sent.get(item.topic)
        return known is None or known.sha256 != hashlib.sha256(item.read()).hexdigest()

    def _note(self, topic: str, payload: bytes | None = None) -> None:
        digest = (
            self._sent[topic].sha256 if payload is None else hashlib.sha256(payload).hexdigest()
        )
        self._sent[topic] = Sent(digest, self._generation)

    def _acknowledged(self, waiting: Sequence[Future[None]]) -> None:
        try:
            for future in waiting:
                future.result(ACK_TIMEOUT_S)
        except FutureTimeoutError:
            raise PublishError(
                f"{self._link.broker}: no acknowledgement in {ACK_TIMEOUT_S:.0f} s; publish "
                "again to complete"
            ) from None
        except SourceError as error:
            raise PublishError(f"{error}; publish again to complete") from error

    def _is_kept(self) -> bool:
        """Read the timestamp back: MQTT 3.1.1 acknowledges also what its ACL drops."""
        found = self._read(["m/timestamp.json"]).get("m/timestamp.json")
        return found == (self._repository.public / "m" / "timestamp.json").read_bytes()

    def _require_kept(self) -> None:
        if not self._is_kept():
            raise PublishError(
                f"{self._link.broker}: it did not keep {self._topic('m/timestamp.json')}; has "
                f"{self._link.broker.username or 'this user'} the right to write there (ACL)?"
            )

    def _read(self, topics: Sequence[str]) -> dict[str, bytes]:
        """Return the retained messages of these topics, as far as there are any.

        An absent one gives no answer, so a message to ourselves marks the end. A broker that
        keeps no order makes us send something twice, no more.
        """
        fence = self._topic(f"fence/{self._link.client_id}")
        mark = uuid.uuid4().bytes
        found: dict[str, bytes] = {}
        with self._link.collect(4 * WINDOW) as collector:
            collector.want([fence, *map(self._topic, topics)])
            self._link.publish(fence, mark, qos=1)
            deadline_s = time.monotonic() + READ_TIMEOUT_S
            while len(found) < len(topics):
                message = collector.get(deadline_s - time.monotonic())
                if message is None:
                    break
                if message[0] == fence:
                    if message[1] == mark:
                        deadline_s = min(deadline_s, time.monotonic() + 0.1)
                    continue
                found[message[0].removeprefix(f"{self._link.broker.prefix}/")] = message[1]
        return found

    def _remove_stale(self) -> None:
        """Delete what neither this release nor the one before needs."""
        old = [
            topic
            for topic, sent in self._sent.items()
            if self._generation - sent.generation > KEEP_GENERATIONS
        ]
        self._acknowledged([self._link.publish(self._topic(t), b"", retain=True) for t in old])
        for topic in old:
            del self._sent[topic]

    def _save(self) -> None:
        ledger = Ledger(self._generation, self._sent)
        write_atomically(self._file, msgspec.json.encode(ledger))

    def _topic(self, name: str) -> str:
        return f"{self._link.broker.prefix}/{name}"

    def _layers(self) -> list[list[Item]]:
        """Return all messages; each layer only refers to those before it."""
        public = self._repository.public
        manifest = published(self._repository)
        files = [file for file in (manifest.files if manifest else ()) if file.retained]
        chunks = [item for file in files for item in _chunk_items(public / "f", file)]
        live = [
            Item(name, (public / name).read_bytes, (public / name).stat().st_size)
            for name in self._repository.live_files()
        ]
        head = msgspec.json.encode(Head(self._repository.root().version))
        return [
            chunks,
            *[[item] for item in live[:-1]],
            [Item("head", lambda: head, len(head))],
            [live[-1]],
        ]


def _chunk_items(folder: Path, file: File) -> Iterator[Item]:
    hash_list = None
    if file.hash_list:
        hash_list = (folder / file.hash_list).read_bytes()
        yield Item(f"c/{file.hash_list}", (folder / file.hash_list).read_bytes, len(hash_list))
    for index in range(file.chunk_count):
        digest = file.sha256 if hash_list is None else hash_list[32 * index : 32 * index + 32].hex()
        offset = index * file.chunk_size
        size = min(file.chunk_size, file.size - offset)
        yield Item(f"c/{digest}", _Slice(folder / file.sha256, offset, size), size)


class _Slice:
    """Reads a chunk when it is sent, so that a release is never in memory."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._path, self._offset, self._size = path, offset, size

    def __call__(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            return file.read(self._size)
