"""Who gets which message: mailboxes of single tasks, and handlers that stay."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeAlias

import paho.mqtt.client as mqtt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Message: TypeAlias = tuple[str, bytes]

MAX_WAITING = 4096


class Mailbox:
    """Receives the messages of some topics; bounded, and counts what it had to drop."""

    def __init__(self, size: int = MAX_WAITING) -> None:
        self._queue: queue.Queue[Message] = queue.Queue(size)
        self.dropped = 0

    def put(self, message: Message) -> None:
        """Keep the message, or count it as dropped."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def get(self, timeout_s: float) -> Message | None:
        """Return the next message, None after the time-out."""
        try:
            return self._queue.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return None


class Subscriptions:
    """The topics of one link and who wants them; safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._boxes: dict[str, list[Mailbox]] = {}
        self._handlers: dict[str, Callable[[Message], None]] = {}
        self._as_amqp: dict[str, str] = {}
        self._fresh: set[str] = set()
        self.stale = 0

    def handle(
        self, topic_filter: str, handler: Callable[[Message], None], *, retained: bool = True
    ) -> None:
        """Give all messages that fit a filter to `handler`, from the link's thread.

        Without `retained` what the broker has kept since before is counted and not given.
        """
        with self._lock:
            self._handlers[topic_filter] = handler
            if not retained:
                self._fresh.add(topic_filter)
            self._as_amqp[_undotted(topic_filter)] = topic_filter

    def add(self, topics: Sequence[str], box: Mailbox) -> None:
        """Fill a mailbox with the messages of further topics."""
        with self._lock:
            for topic in topics:
                self._boxes.setdefault(topic, []).append(box)
                self._as_amqp[_undotted(topic)] = topic

    def remove(self, topics: Sequence[str], box: Mailbox) -> list[str]:
        """Fill it no longer; return the topics that nobody wants any more."""
        idle = []
        with self._lock:
            for topic in topics:
                boxes = self._boxes.get(topic, [])
                if box in boxes:
                    boxes.remove(box)
                if not boxes:
                    self._boxes.pop(topic, None)
                    if topic not in self._handlers:
                        self._as_amqp.pop(_undotted(topic), None)
                        idle.append(topic)
        return idle

    def topics(self) -> list[str]:
        """Return all that a new connection must subscribe."""
        with self._lock:
            return [*self._handlers, *self._boxes]

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> bool:
        """Hand a message over; return whether anybody wanted it."""
        with self._lock:
            topic = self._as_amqp.get(topic, topic)
            boxes = list(self._boxes.get(topic, ()))
            for box in boxes:
                box.put((topic, payload))
            handlers = [
                (topic_filter, handler)
                for topic_filter, handler in self._handlers.items()
                if mqtt.topic_matches_sub(_shared(topic_filter), topic)
            ]
        for topic_filter, handler in handlers:
            if retained and topic_filter in self._fresh:
                self.stale += 1
            else:
                handler((topic, payload))
        return bool(boxes or handlers)


class Collector:
    """Subscriptions of one task and the mailbox that they fill.

    Args:
        subscriptions: of the link.
        subscribe: tells the broker of further topics.
        unsubscribe: tells it of topics that nobody wants any more.
        size: messages that wait at most.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        subscribe: Callable[[Sequence[str]], None],
        unsubscribe: Callable[[Sequence[str]], None],
        size: int = MAX_WAITING,
    ) -> None:
        self._subscriptions = subscriptions
        self._subscribe, self._unsubscribe = subscribe, unsubscribe
        self._box = Mailbox(size)
        self.topics: set[str] = set()

    def want(self, topics: Sequence[str]) -> None:
        """Subscribe; a retained message comes at once."""
        self._subscriptions.add([t for t in topics if t not in self.topics], self._box)
        self.topics.update(topics)
        self._subscribe(list(topics))

    def drop(self, topics: Sequence[str]) -> None:
        """Unsubscribe."""
        gone = [topic for topic in topics if topic in self.topics]
        self.topics.difference_update(gone)
        if idle := self._subscriptions.remove(gone, self._box):
            self._unsubscribe(idle)

    def get(self, timeout_s: float) -> Message | None:
        """Return the next message, None after the time-out."""
        return self._box.get(timeout_s)


def _undotted(topic: str) -> str:
    """Return a topic as RabbitMQ gives it back: AMQP has dots where MQTT has slashes."""
    return topic.replace(".", "/")


def _shared(topic_filter: str) -> str:
    """Return the filter without `$share/group/`."""
    return topic_filter.split("/", 2)[2] if topic_filter.startswith("$share/") else topic_filter
