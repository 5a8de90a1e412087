"""Addresses fit to be printed, logged and written: without passwords, tokens and keys.

One function for all of it. It works on any text, since addresses stand in the messages of libraries
too, and would rather hide too much: a password that was not percent-encoded makes an address that
no parser reads as it was meant.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s<>\"']+)")
_SECRET = re.compile(
    r"(?i)([?&;](?!password-file=)(?:[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|signature|credential)[\w.-]*"
    r"|pwd|pass|psw|pw|auth|sig|key|api[_-]?key|[\w-]*-key|streamid)=)([^&;#\s\"'<>]*?)(?=[:,.]?(?:[&;#\s\"'<>]|$))"
)
_HOST_AFTER = re.compile(r":[^@]*@[^/?#@]+(?::\d+)?/")
"""A colon, and after an `@` something that goes on with a path, as a host does."""
_PORT = re.compile(r"[^:]*(?::\d{1,5})?")
"""What stands between `//` and the first `/` where there is no password: a host, with a port."""


def redact(text: str) -> str:
    """Return a text whose addresses hide who may use them.

    `rtsp://user:secret@host/x?token=1` becomes `rtsp://user:***@host/x?token=***`; a lone
    `https://token@host` hides the token. A password with `/`, `?`, `#` or `@` in it is hidden up
    to the last `@`.
    """
    return _SECRET.sub(rf"\1{HIDDEN}", _ADDRESS.sub(_address, text))


def _address(found: re.Match[str]) -> str:
    scheme, rest = found.groups()
    if "@" not in rest:
        return scheme + rest
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and _is_host(authority) and not _HOST_AFTER.search(rest):
        return scheme + rest  # http://host:8080/photo@2x.jpg: that @ is part of the path
    secret, _, host = rest.rpartition("@") if "@" not in authority else _split(rest)
    user, colon, _ = secret.partition(":")
    return f"{scheme}{user + colon if colon else ''}{HIDDEN}@{host}"


def _split(rest: str) -> tuple[str, str, str]:
    """Split at the last `@` that may end a password: paths have one, hosts do not."""
    end = rest.rfind("@")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path_like = rest[len(authority) :]
    # http://user:secret@host/photo@2x.jpg
    if "@" in path_like and _is_host(authority.rpartition("@")[2]):
        end = authority.rfind("@")
    return rest[:end], "@", rest[end + 1 :]


def _is_host(text: str) -> bool:
    return bool(text) and _PORT.fullmatch(text) is not None
