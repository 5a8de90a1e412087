"""One connection to a broker, kept up for the life of the process.

paho-mqtt does the protocol; the loop is ours. Why: its own thread dies of an exception in a
callback while `is_connected()` stays true, its reconnect delays have no jitter, and its
`select()` fails past descriptor 1,023. Here only the link's thread touches the client; other
threads hand it work through a queue, and callbacks do nothing but hand over messages.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import deque
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gallery.channel.backoff import BASE_S, Backoff
from gallery.channel.bounded_client import BoundedClient, no_delay
from gallery.channel.errors import SourceError, SyncError
from gallery.channel.outgoing import Outgoing
from gallery.channel.subscriptions import MAX_WAITING, Collector, Subscriptions
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from paho.mqtt.reasoncodes import ReasonCode
    from typing_extensions import Self

    from gallery.channel.broker import Broker
    from gallery.channel.subscriptions import Message

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
NO_ANSWER = "no answer"
CONNECT_TIMEOUT_S = 10.0
TICK_S = 0.5
CLOSE_S = 2.0
"""For what is queued to be sent, at the end; a broker that is silent is not waited for."""
MAX_PACKET = 2 * 1024 * 1024
INFLIGHT = 64


class LinkState(Enum):
    """Where the link is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    UP = "up"
    BACKOFF = "backoff"
    CLOSED = "closed"


class MqttLink:
    """The link; use as a context manager or `start()` and `close()`.

    Args:
        broker: where to.
        client_id: name at the broker; device certificates and ACLs are bound to it.
        will: retained message that the broker sends when we vanish.
        on_up: called by the link's thread after each connect; must only hand over.
        backoff_base_s: the first delay between two tries is up to this long.
        keepalive_s: the broker takes us for gone, and sends the will, after 1.5 times as long.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        will: Message | None = None,
        on_up: Callable[[], None] | None = None,
        backoff_base_s: float = BASE_S,
        max_packet: int = MAX_PACKET,
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        self.broker, self.client_id = broker, client_id
        self.state = LinkState.IDLE
        self.reason = self._ended_by = ""
        self.attempts = 0
        self.connects = 0
        self.unasked = 0
        self.oversize = 0
        self.oversize_detail = ""
        self.bytes_in = 0
        self._largest = 256 * 1024 * 1024
        self._inflight = INFLIGHT
        self._will, self._on_up = will, on_up
        self._keepalive_s = keepalive_s
        self.backoff, self._max_packet = Backoff(backoff_base_s), max_packet
        self._protocol = broker.protocol or 5
        self._lock = threading.Lock()
        self._up = threading.Condition(self._lock)
        self._subscriptions = Subscriptions()
        self._todo: deque[Callable[[mqtt.Client], object]] = deque()
        self._acks: dict[int, Future[None]] = {}
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop = threading.Event()
        self._thread = Worker("mqtt-link", self._run)

    # What other threads call.

    def start(self) -> MqttLink:
        """Start connecting; returns at once, and does nothing the second time."""
        if not self._thread.is_alive() and self.state is LinkState.IDLE:
            self._thread.start()
        return self

    def close(self) -> None:
        """Send what is queued, disconnect, and end the thread."""
        self._stop.set()
        self._nudge()
        self._thread.join(CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_up(self, timeout_s: float) -> None:
        """Wait for the connection.

        Raises:
            SourceError: it did not come up; says why.
        """
        with self._up:
            if not self._up.wait_for(lambda: self.state is LinkState.UP, timeout_s):
                # what ended the last try says more than that the next has no answer yet
                why = self._ended_by if self.reason == NO_ANSWER else self.reason
                raise SourceError(
                    f"{self.broker}: no connection in {timeout_s:.0f} s ({why or NO_ANSWER}); "
                    "check address, credentials and that the broker runs"
                )

    @property
    def can_expire(self) -> bool:
        """Whether the broker forgets what is retained by itself: MQTT 5 only."""
        return self._protocol == 5

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expires_s: int | None = None,
    ) -> Future[None]:
        """Queue a message, see `Outgoing`; return the future that ends when it has arrived."""
        message = Outgoing(topic, payload, qos, retain, expires_s)
        self._call(lambda client: self._send(client, message))
        return message.done

    def handle(
        self, topic_filter: str, handler: Callable[[Message], None], *, retained: bool = True
    ) -> None:
        """Subscribe for good, again after each reconnect; `handler` must only hand over.

        Without `retained` what the broker has kept since before is not given: a command is for
        now, and a kept one would be obeyed at every start.
        """
        self._subscriptions.handle(topic_filter, handler, retained=retained)
        with self._lock:
            up = self.state is LinkState.UP
        if up:  # otherwise the connect subscribes, and twice would bring all that is retained twice
            self._call(lambda client: self._subscribe(client, [topic_filter]))

    @contextmanager
    def collect(self, size: int = MAX_WAITING) -> Iterator[Collector]:
        """Give a mailbox whose subscriptions end with the block."""
        collector = Collector(
            self._subscriptions,
            lambda topics: self._call(lambda client: self._subscribe(client, topics)),
            lambda topics: self._call(lambda client: client.unsubscribe(list(topics))),
            size,
        )
        try:
            yield collector
        finally:
            collector.drop(list(collector.topics))

    # What the link's thread does.

    def _send(self, client: mqtt.Client, message: Outgoing) -> None:
        number = message.send(client, self.broker, self._largest)
        if number is not None:
            self._acks[number] = message.done

    def _call(self, work: Callable[[mqtt.Client], object]) -> None:
        self._todo.append(work)
        self._nudge()

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is awake already
            os.write(self._wake_w, b"\0")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._session()
                if not self._stop.is_set():
                    self._pause()
        except BaseException:
            self._set(LinkState.BACKOFF)  # the thread is restarted
            raise
        self._set(LinkState.CLOSED)

    def _set(self, state: LinkState) -> None:
        with self._up:
            self.state = state
            self._up.notify_all()

    def _pause(self) -> None:
        """Wait before the next try."""
        self._set(LinkState.BACKOFF)
        self._ended_by = self.reason
        delay_s = self.backoff.next_s(time.monotonic())
        level = logging.WARNING if self.attempts == 0 else logging.DEBUG
        log.log(level, "%s: %s; next try in %.1f s", self.broker, self.reason, delay_s)
        self.attempts += 1
        self._stop.wait(delay_s)

    def _session(self) -> None:
        """Connect, serve until the connection ends."""
        self._set(LinkState.CONNECTING)
        try:
            client = self._client()
        except (SyncError, OSError, ValueError) as error:
            self.reason = str(error)  # a certificate that is not there yet
            return
        try:
            self.reason = NO_ANSWER
            client.reach(self.broker, self._keepalive_s)
            self._serve(client)
        except (OSError, ValueError) as error:
            self.reason = str(error) or type(error).__name__
        finally:
            self._fail_acks()
            client.close()

    def _client(self) -> BoundedClient:
        protocol = mqtt.MQTTv5 if self._protocol == 5 else mqtt.MQTTv311
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=None if self._protocol == 5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        client.max_packet = self._max_packet
        client.on_oversize = self._on_oversize
        if self.broker.tls:
            client.tls_set_context(self.broker.tls_context())
        if self.broker.username is not None:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self._will:
            client.will_set(*self._will, qos=1, retain=True)
        client.max_inflight_messages_set(INFLIGHT)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open = no_delay
        return client

    def _serve(self, client: BoundedClient) -> None:
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_r, selectors.EVENT_READ)
            sock = client.socket()
            if sock is None:
                return
            selector.register(sock, selectors.EVENT_READ)
            while client.socket() is sock:
                stopping = self._stop.is_set()
                if stopping and not self._todo and not client.want_write() and not self._acks:
                    client.disconnect()
                    return
                if self.state is not LinkState.UP and (time.monotonic() > deadline_s or stopping):
                    self._fall_back()
                    return
                self._turn(client, selector, sock)

    def _turn(self, client: BoundedClient, selector: selectors.BaseSelector, sock: Any) -> None:
        """Do one round: wait, read, run queued work, write."""
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.want_write() else 0)
        selector.modify(sock, wants)
        pending = hasattr(sock, "pending") and sock.pending()
        for key, events in selector.select(0 if pending else TICK_S):
            if key.fileobj == self._wake_r:
                os.read(self._wake_r, 4096)
            elif events & selectors.EVENT_READ:
                pending = True
            if key.fileobj is sock and events & selectors.EVENT_WRITE:
                client.loop_write()
        if pending:
            client.loop_read(64)
        if self.state is LinkState.UP:
            # Back-pressure: new work waits while the socket does not take the old.
            while self._todo and not client.want_write() and len(self._acks) < self._inflight:
                self._todo.popleft()(client)
        client.loop_misc()

    def _fall_back(self) -> None:
        """No CONNACK: an old broker may be silent about MQTT 5, or hang up."""
        if self.broker.protocol == 0 and self.connects == 0:
            self._protocol = 4 if self._protocol == 5 else 5

    def _subscribe(self, client: mqtt.Client, topics: Sequence[str]) -> None:
        client.subscribe([(topic, 1) for topic in topics])

    def _fail_acks(self) -> None:
        for done in self._acks.values():
            done.set_exception(SourceError(f"{self.broker}: the connection was lost"))
        self._acks.clear()

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        if code.is_failure:
            self.reason = f"the broker refused: {code}"
            if self._protocol == 5 and "rotocol" in str(code):
                self._fall_back()
            return
        # A larger message, or more of them at once, would make an MQTT 5 broker hang up, and us
        # send the same again after each reconnect.
        self._largest = getattr(properties, "MaximumPacketSize", 256 * 1024 * 1024)
        self._inflight = min(INFLIGHT, getattr(properties, "ReceiveMaximum", INFLIGHT))
        self.connects += 1
        self.attempts = 0
        self.backoff.up(time.monotonic())
        self.reason = ""
        log.info(
            "%s: connected as %s, MQTT %s",
            self.broker,
            self.client_id,
            "5" if self._protocol == 5 else "3.1.1",
        )
        # UP first: a handler that comes in between is subscribed twice rather than never.
        self._set(LinkState.UP)
        if topics := self._subscriptions.topics():
            self._subscribe(client, topics)
        if self._on_up:
            self._on_up()

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        why = self.backoff.why_so_brief(time.monotonic(), self.client_id)
        self.reason = self.reason or f"disconnected: {code}{why}"
        # RabbitMQ 3.10 hangs up on a version that it does not know, without a CONNACK.
        # One that has refused with a reason was heard: `_on_connect` knows whether to fall back.
        if self.state is LinkState.CONNECTING and self.reason == NO_ANSWER:
            self._fall_back()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self.bytes_in += len(topic) + len(payload) + 7
        if not self._subscriptions.deliver(topic, payload, retained=message.retain):
            self.unasked += 1

    def _on_publish(
        self, _client: mqtt.Client, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        done = self._acks.pop(mid, None)
        if done is None:
            return
        if code.is_failure:
            done.set_exception(SourceError(f"{self.broker} refused a message: {code}"))
        else:
            done.set_result(None)

    def _on_oversize(self, length: int) -> None:
        self.oversize_detail = f"{length} B > {self._max_packet} B"
        self.reason = f"oversize message refused: {self.oversize_detail}"
        log.warning("%s: %s", self.broker, self.reason)
        self.oversize += 1  # the last: who sees it may read the rest
