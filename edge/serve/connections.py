"""How many connections the server holds, and for how long one may stay silent.

uvicorn bounds what comes after the headers; a connection that never sends any costs a descriptor
for as long as it likes. Here each one is counted and timed. Where there is no room for one more,
the one that has been idle longest makes room: a viewer gets in past any number of silent ones.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio

MOST = 256
MOST_PER_ADDRESS = 192
MOST_SOCKETS = 128
"""WebSockets in all: what they take, presses and pages cannot have."""
REQUEST_S = 10.0
"""For a request to arrive whole, headers and body, counted from the connect or the last answer."""
ANSWER_S = 30.0
"""For an answer to be taken."""
PING_S = 10.0
"""A WebSocket whose other end has gone is noticed after at most twice as long."""
KEPT_DESCRIPTORS = 256
"""For ourselves: models, galleries, the source, the broker, what a swap holds twice."""

WHOLE = frozenset({h11.DONE, h11.MUST_CLOSE, h11.CLOSED})
"""What h11 calls a client that has sent its request to the end."""


def most_connections(soft_limit: int) -> int:
    """Return how many connections a process with this limit of descriptors takes."""
    if soft_limit == resource.RLIM_INFINITY:
        return MOST
    return max(8, min(MOST, soft_limit - KEPT_DESCRIPTORS))


class Gate:
    """Counts connections; all calls come from the server's loop.

    Args:
        most: of them in all.
        per_address: of one address.
        request_s, answer_s: see `REQUEST_S` and `ANSWER_S`.
    """

    def __init__(
        self,
        most: int = MOST,
        per_address: int = MOST_PER_ADDRESS,
        *,
        request_s: float = REQUEST_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.most, self.per_address = most, per_address
        self.request_s, self.answer_s = request_s, answer_s
        self.turned_away = self.timed_out = 0
        self._open: dict[asyncio.Transport, str] = {}
        self._idle: dict[asyncio.Transport, None] = {}  # longest first
        self._sockets: set[asyncio.Transport] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def enter(self, transport: asyncio.Transport) -> bool:
        """Count a new connection; False where it must be closed at once."""
        address = str((transport.get_extra_info("peername") or ("",))[0])
        of_address = [t for t, other in self._open.items() if other == address]
        full = len(self._open) >= self.most
        if full or len(of_address) >= self.per_address:
            within = None if full and len(of_address) < self.per_address else set(of_address)
            oldest = next((t for t in self._idle if within is None or t in within), None)
            self.turned_away += 1
            if oldest is None:
                return False
            self.leave(oldest)
            oldest.abort()
        self._open[transport] = address
        self._idle[transport] = None
        return True

    def leave(self, transport: asyncio.Transport) -> None:
        """Forget a connection; again is harmless."""
        self._open.pop(transport, None)
        self._idle.pop(transport, None)
        self._sockets.discard(transport)

    def busy(self, transport: asyncio.Transport, *, busy: bool) -> None:
        """Note whether a request is under way; connections without one are the first to go."""
        self._idle.pop(transport, None)
        if not busy and transport in self._open:
            self._idle[transport] = None

    def socket(self, transport: asyncio.Transport) -> bool:
        """Take a connection that becomes a WebSocket; False where there are too many."""
        if len(self._sockets) >= min(MOST_SOCKETS, self.most // 2):
            self.turned_away += 1
            return False
        self._sockets.add(transport)
        self.busy(transport, busy=True)
        return True


class BoundedHttp(H11Protocol):
    """uvicorn's connection, counted and timed."""

    def __init__(self, *args: Any, gate: Gate, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gate = gate
        self._deadline: asyncio.TimerHandle | None = None
        self._whole = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, or close it."""
        super().connection_made(transport)
        if self._gate.enter(transport):
            self._expect(self._gate.request_s)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._expect(None)
        self._gate.leave(self.transport)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what came; a request that is whole is given the time to be answered."""
        super().handle_events()
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._expect(None)
        elif self.cycle is not None and not self._whole and self.conn.their_state in WHOLE:
            self._whole = True
            self._gate.busy(self.transport, busy=True)
            self._expect(self._gate.answer_s)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._whole = False
        self._gate.busy(self.transport, busy=False)
        self._expect(self._gate.request_s)
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Let a WebSocket take the connection over, where there is room for it."""
        self._expect(None)
        if self._gate.socket(self.transport):
            super().handle_websocket_upgrade(event)
        else:
            self.transport.write(
                b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n"
                b"connection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()

    def _expect(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._gate.timed_out += 1
        self.transport.abort()


class BoundedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, counted; text that is not UTF-8 ends it without a traceback."""

    def __init__(self, *args: Any, gate: Gate, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gate = gate

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._gate.leave(self.transport)
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        """Hand a message on, if it is one."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(1007, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
