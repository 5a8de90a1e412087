"""A stateless chunk server: answers `<prefix>/rq/<client>` with bytes of published files.

Several of them share the requests (`$share/cs/…`); when one dies, the device asks again and
another answers. A server knows nothing of devices and keeps nothing.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
from collections import deque
from typing import TYPE_CHECKING

from gallery.channel.errors import SourceError
from gallery.channel.manifest import MAX_CHUNK
from gallery.channel.mqtt_sources import NUMBER, REQUEST

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from gallery.channel.link import MqttLink
    from gallery.channel.subscriptions import Message

log = logging.getLogger(__name__)

QUEUE = 4096
AHEAD = 16
"""Answers that may wait for the socket; more requests wait in the queue, then get lost."""
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ChunkServer:
    """Serves the folder `f/` of a repository.

    Args:
        folder: holds files named by their sha256.
        link: started by the caller.
        shared: share the requests with other servers; off for a broker that knows no `$share`,
            where each server then answers and devices ignore the second answer.
    """

    def __init__(self, folder: Path, link: MqttLink, *, shared: bool = True) -> None:
        self._folder, self._link = folder, link
        self._requests: queue.Queue[Message] = queue.Queue(QUEUE)
        self._ahead: deque[Future[None]] = deque()
        self._stop = threading.Event()
        self.answered = 0
        self.bytes_sent = 0
        self.dropped = 0
        topic = f"{link.broker.prefix}/rq/+"
        link.handle(f"$share/cs/{topic}" if shared else topic, self._enqueue)

    def _enqueue(self, message: Message) -> None:
        try:
            self._requests.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def stop(self) -> None:
        """End `run()`."""
        self._stop.set()

    def run(self) -> None:
        """Answer until `stop()`."""
        while not self._stop.is_set():
            try:
                topic, payload = self._requests.get(timeout=0.5)
            except queue.Empty:
                continue
            self._answer(topic.rpartition("/")[2], payload)

    def _answer(self, client: str, payload: bytes) -> None:
        if len(payload) != REQUEST.size or not _SAFE.fullmatch(client):
            self.dropped += 1
            return
        number, digest, offset, length = REQUEST.unpack(payload)
        data = self._read(digest.hex(), offset, length)
        topic = f"{self._link.broker.prefix}/rs/{client}"
        self._ahead.append(self._link.publish(topic, NUMBER.pack(number) + data, qos=0))
        self.answered += 1
        self.bytes_sent += len(data)
        while len(self._ahead) > AHEAD:
            self._settle(self._ahead.popleft())

    def _settle(self, sent: Future[None]) -> None:
        try:
            sent.result(timeout=30)
        except (SourceError, TimeoutError) as error:
            log.debug("an answer was lost, the device asks again: %s", error)

    def _read(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes, none if there are none."""
        if length > MAX_CHUNK:
            return b""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError:
            return b""
