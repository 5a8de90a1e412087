"""Who may speak to the server: Host and Origin checks, a token off loopback, limits, headers.

A page on the internet can make a viewer's browser send requests to a device on the home network,
and by DNS rebinding even read the answers. So the Host header must name an address that the device
knows as its own, and a request that carries an Origin must come from the device's own page.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
MAX_BODY_BYTES = 4096
COMMANDS_PER_S = 20.0
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        hosts: host names and addresses that the device answers to, besides loopback ones.
        token: needed for everything but health checks; empty for none (loopback only).
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], token: str) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token
        self._allowance = COMMANDS_PER_S
        self._counted = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _limited(receive), _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            status, reason = refusal
            await PlainTextResponse(reason + "\n", status)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            return 421, f"host {host[:80]!r}: not this device"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, f"origin {origin[:80]!r}: not this device's own page"
        if scope["path"] in OPEN_PATHS:
            return None
        if self._token and not self._has_token(scope, headers):
            return (
                401,
                'token needed: open the page with "?token=…" or send "Authorization: Bearer"',
            )
        if scope.get("method") == "POST" and not self._spend():
            return 429, "too many commands, try again in a second"
        if scope.get("method") == "POST" and _body_length(headers) > MAX_BODY_BYTES:
            return 413, f"body larger than {MAX_BODY_BYTES} bytes"
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts or name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given += query.get("token", [])
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get("tvradar_token")
        except CookieError:
            cookie = None
        given += [cookie.value] if cookie else []
        return any(hmac.compare_digest(g.encode(), self._token.encode()) for g in given)

    def _spend(self) -> bool:
        now = time.monotonic()
        earned = (now - self._counted) * COMMANDS_PER_S
        self._allowance = min(COMMANDS_PER_S, self._allowance + earned)
        self._counted = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _body_length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else MAX_BODY_BYTES + 1


def _limited(receive: Receive) -> Receive:
    """Cut a body off that is longer than it said, or did not say."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY_BYTES:
                return {"type": "http.disconnect"}
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return with_headers
