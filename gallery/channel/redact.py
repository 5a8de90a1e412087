"""Addresses and texts without their passwords: for all that is printed, logged or written.

Cameras and servers take secrets in many places: `user:password@`, a token as the user,
`?password=`, `/user=admin_password=…` within a path. What a reader sees shows that there is one,
not which. In doubt something harmless is hidden rather than a secret shown.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
_STREAM_SCHEMES = (
    "rtsps?|rtmp[est]{0,2}|https?|mqtts?|wss?|udp|rtp|srt|tcp|tls|ftps?|sftp|v4l2|webrtc"
)
_START = rf"(?:[A-Za-z][A-Za-z0-9+.-]{{0,31}}:/{{1,3}}|(?<![\w.+-])(?:{_STREAM_SCHEMES}):)"
_WORD = re.compile(rf"({_START})(\S+)", re.IGNORECASE)
_WHOLE = re.compile(rf"\s*({_START})(.+)", re.IGNORECASE | re.DOTALL)
# Anchored at the beginning of a word, or a long word would be gone through once per letter.
_KEY = re.compile(r"(?<![\w.%\[\]-])([\w.%\[\]-]{1,200})=")
_SECRET = re.compile(
    r"pass|pwd|token|secret|api[_-]?key|access[_-]?key|auth(?!or)|signature|credential|jwt|hmac"
    r"|hdn[te]|loginpas|psw|streamid|(?:^|[_.-])(?:key|sig|pw|psk|sid|session(?:id)?)$"
)
_HEADER = re.compile(r"(authorization\W{1,4}\w{1,20}\s{1,4})[^\s\"']{4,}", re.IGNORECASE)
_HOST = re.compile(
    r"[^/?#@]+(?::\d+)?/.*|[^/?#@]+:\d+|[\d.]+|\[[\da-f:]+\]", re.IGNORECASE | re.DOTALL
)
"""What goes on like a host with a port or a path."""
_TAIL = ":;,.)\"'"


def redact_address(address: str) -> str:
    """Return an address fit to be shown: `rtsp://me:secret@host` becomes `rtsp://me:***@host`."""
    whole = _WHOLE.fullmatch(address)
    if whole is None:
        return redact(address)
    return _hide_values(_hide_user(whole), end="&")


def redact(text: str) -> str:
    """Return a text, such as an error's, with `redact_address` done to each address in it."""
    if "=" not in text and "@" not in text and "://" not in text:
        return _HEADER.sub(rf"\1{HIDDEN}", text)
    shown = _WORD.sub(_hide_user, text)
    return _HEADER.sub(rf"\1{HIDDEN}", _hide_values(shown, end="& \t\r\n"))


def _hide_user(found: re.Match[str]) -> str:
    """Return an address without a password or a token before its host."""
    scheme, rest = found[1], found[2]
    at = rest.rfind("@")
    if _has_no_user(rest, at):
        return scheme + rest
    user, _, password = rest[: at if at >= 0 else None].partition(":")
    after = rest[at:] if at >= 0 else ""  # the host may have been forgotten
    if password and user:
        return f"{scheme}{user}:{HIDDEN}{after}"
    # A lone user may be a token; of udp://@239.0.0.1 there is none.
    return f"{scheme}{HIDDEN if user or password else ''}{after}"


def _has_no_user(rest: str, at: int) -> bool:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if authority == rest:
        authority = rest.rstrip(_TAIL)  # of a sentence
    if "@" in authority:
        return False
    host, colon, port = authority.rpartition(":")
    if not colon or (authority.startswith("[") and (at < 0 or "]" in authority)):
        return True
    # A port, and an "@" somewhere in the path: http://host:8080/photo@2x.jpg
    plain = at < 0 or _is_host(host) or not _HOST.fullmatch(rest[at + 1 :])
    return port.isdecimal() and len(port) <= 5 and plain


def _is_host(name: str) -> bool:
    return name == "localhost" or "." in name


def _hide_values(text: str, *, end: str) -> str:
    parts, place = [], 0
    while (found := _KEY.search(text, place)) is not None:
        begin = found.end()
        parts.append(text[place:begin])
        place = begin
        if _is_secret(found[1]):
            place = min((i for c in end if (i := text.find(c, begin)) >= 0), default=len(text))
            value = text[begin:place]
            tail = value[len(value.rstrip(_TAIL)) :] if end != "&" else ""
            parts.append(f"{HIDDEN if value else ''}{tail}")
    return "".join(parts) + text[place:]


def _is_secret(key: str) -> bool:
    key = unquote(key).lower()
    return not key.endswith("file") and _SECRET.search(key) is not None
