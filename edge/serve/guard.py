"""Who may speak to the server: Host and Origin checks, a token off loopback, limits, headers.

A page on the internet can make a viewer's browser send requests to a device on the home network,
and by DNS rebinding even read the answers. So the Host header must name an address that the device
knows as its own, and a request that carries an Origin must come from the device's own page.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from edge.serve.pairing import Pairing

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'{sockets}; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'{frames}"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MAX_BODY_BYTES = 4096
COOKIE = "tvradar_token"
PHONE_COOKIE = "tvradar_phone"
TO_BE_LET_IN = frozenset({"/phone", "/api/phone", "/api/phone/ask", "/api/phone/pair"})
OF_PHONES = frozenset({"/api/phone/key", "/api/phone/forget", "/api/naming"})
COMMANDS_PER_S = 20.0
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
CODE = (".js", ".css", ".svg")
"""The page's own code is no secret, and in a frame of another site no cookie brings the token."""


_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?")


class Allowance:
    """This many commands a second for the whole device; all come from one loop."""

    def __init__(self) -> None:
        self._left = COMMANDS_PER_S
        self._counted = time.monotonic()

    def spend(self) -> bool:
        """Return whether one more command may pass."""
        now = time.monotonic()
        earned = (now - self._counted) * COMMANDS_PER_S
        self._left = min(COMMANDS_PER_S, self._left + earned)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        hosts: host names and addresses that the device answers to, besides loopback ones.
        token: needed for everything but health checks; empty for none (loopback only).
        allowance: shared with the commands that come over WebSockets.
        frame_ancestors: origins of pages that may show this one in a frame.
        pairing: telephones that need no token for what is theirs; None for none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        token: str,
        allowance: Allowance,
        frame_ancestors: Sequence[str] = (),
        pairing: Pairing | None = None,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token
        self._allowance = allowance
        self._pairing = pairing
        self._frames = "".join(f" {origin}" for origin in frame_ancestors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            host = Headers(scope=scope).get("host", "")
            # Old TV browsers do not count a WebSocket to the page's own host as 'self'.
            sockets = f" ws://{host} wss://{host}"
            await self._app(scope, _limited(receive), self._with_headers(send, sockets))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            status, reason = refusal
            await PlainTextResponse(reason + "\n", status)(scope, receive, self._with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host, scope.get("server")):
            return 421, f"host {host[:80]!a}: not this device; serve.hosts names those that are"
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host:
            return 403, f"origin {origin[:80]!a}: not this device's own page"
        path = scope["path"]
        if path in OPEN_PATHS or (path.endswith(CODE) and path.count("/") == 1):
            return None
        may = self._is_for_phones(path, headers) or self._has_token(scope, headers)
        if self._token and not may:
            return (
                401,
                'token needed: open the page with "?token=…" or send "Authorization: Bearer"',
            )
        if scope.get("method") == "POST" and not self._allowance.spend():
            return 429, "too many commands, try again in a second"
        if scope.get("method") == "POST" and _body_length(headers) > MAX_BODY_BYTES:
            return 413, f"body larger than {MAX_BODY_BYTES} bytes"
        return None

    def _with_headers(self, send: Send, sockets: str = "") -> Send:
        csp = CSP.format(sockets=sockets, frames=self._frames)
        policy = ("content-security-policy", csp)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(k.encode(), v.encode()) for k, v in (policy, *HEADERS.items())]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        return with_headers

    def _knows(self, host: str, server: tuple[str, int] | None) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        if name in self._hosts or name == "localhost":
            return True
        # The address that was connected to is ours; a rebound DNS name would show as a name.
        if server is not None and name == server[0]:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _is_for_phones(self, path: str, headers: Headers) -> bool:
        """Return whether a telephone may ask for this: to be let in, and once it was, its own."""
        if self._pairing is None:
            return False
        if path in TO_BE_LET_IN:
            return True
        if path not in OF_PHONES and not path.startswith("/api/naming/"):
            return False
        return any(self._pairing.knows(value) for value in _cookies(headers, PHONE_COOKIE))

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given += query.get("token", [])
        given += _cookies(headers, COOKIE)
        return any(hmac.compare_digest(g.encode(), self._token.encode()) for g in given)


def _cookies(headers: Headers, wanted: str) -> list[str]:
    """Return the values of a cookie; http.cookies forgets all for one whose name it dislikes."""
    found = []
    for cookie in headers.get("cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == wanted:
            found.append(unquote(value.strip('"')))
    return found


def _body_length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else MAX_BODY_BYTES + 1


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


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
