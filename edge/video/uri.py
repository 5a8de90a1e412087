"""What kind of source an address names, and what of it may be printed."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from edge.errors import AddressError, SourceMissingError
from gallery.channel.redact import redact_address

LIVE_SCHEMES = frozenset(
    {"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "v4l2", "screen", "csi", "webrtc"}
)
"""`csi` and `webrtc` are read by jetson-utils only."""
NETWORK = frozenset({"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "http", "https"})
NEED_HOST = NETWORK - {"udp", "rtp", "srt", "tcp"}
"""The others may listen, at any address of this machine: udp://:1234."""
FORM = "scheme://[user:password@]host[:port]/…"
ENCODE = "in a user and a password write # as %23, / as %2F, ? as %3F, @ as %40, [ as %5B, % as %25"

_UNSENT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")


def without_password(uri: str) -> str:
    """Return an address fit to be printed: `rtsp://user:secret@host` as `rtsp://user:***@host`."""
    return redact_address(uri)


def shown_source(uri: str) -> str:
    """Return a source as answers name it: a path as it is, all else without a password."""
    return uri if is_path(uri) else without_password(uri)


def is_path(uri: str) -> bool:
    """Return whether this names a file or folder: whatever exists does, colons or not."""
    if not uri or "\0" in uri:
        return False
    try:
        return Path(uri).exists() or uri.startswith(("/", "./", "../", "~"))
    except (OSError, ValueError):  # too long a name, a folder that may not be looked into
        return not scheme_of(uri)


def path_of(uri: str) -> Path | None:
    """Return the file or folder that an address names, None where it names anything else.

    Raises:
        SourceMissingError: a file:// without a path.
    """
    scheme = "" if is_path(uri) else scheme_of(uri)
    if scheme not in {"", "file"}:
        return None
    if not scheme:
        return Path(uri)
    try:
        path = unquote(urlsplit(uri).path)  # what looks like a host in it is not ours to judge
    except ValueError:
        path = ""
    if not path or "\0" in path:
        raise SourceMissingError(uri, "no path in it", "file:///path", "check the path")
    return Path(path)


def would_replace(target: Path, source: str) -> bool:
    """Return whether writing to `target` would replace what is read: a film, or one of a folder."""
    path = path_of(source)
    try:
        if path is None or not target.exists() or not path.exists():
            return False
        if path.is_dir():
            return target.resolve().parent == path.resolve() and target.is_file()
        return target.samefile(path)
    except (OSError, ValueError):
        return False


def scheme_of(uri: str) -> str:
    """Return the URI's scheme in lower case; an empty string for a path."""
    scheme, colon, rest = uri.partition(":")
    # "C" in C:\film.mp4, "12" in 12:30.mp4 and "Star Wars" in Star Wars: A New Hope.mp4 are none
    known = _SCHEME.fullmatch(scheme) and (rest.startswith("//") or scheme.lower() in LIVE_SCHEMES)
    return scheme.lower() if colon and known else ""


def normal(uri: str) -> str:
    """Return an address with its scheme in small letters, which libraries compare by letter.

    Raises:
        AddressError: it has no host, an impossible port, or a password that breaks it apart.
    """
    scheme = scheme_of(uri)
    uri = scheme + uri[len(scheme) :]
    if _UNSENT.search(uri):
        raise AddressError(without_password(uri), "a character that no address has", FORM)
    if scheme in NETWORK:
        _check(scheme, uri, without_password(uri))
    return uri


def _check(scheme: str, uri: str, shown: str) -> None:
    if not uri.startswith(f"{scheme}://"):
        raise AddressError(shown, f"no // behind {scheme}:", FORM)
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        if "out of range" in str(error):
            raise AddressError(shown, "a port above 65535", FORM) from error
        raise AddressError(shown, "an impossible host or port", FORM, ENCODE) from error
    if port == 0:
        raise AddressError(shown, "port 0", FORM)
    if not parts.hostname and scheme in NEED_HOST:
        raise AddressError(shown, "no host", FORM, ENCODE if "@" in uri else "")
    if _is_torn(parts):
        raise AddressError(shown, "no port behind the host's colon", FORM, ENCODE)


def _is_torn(parts: SplitResult) -> bool:
    """Whether a password began where the port should stand: http://me:#secret@host."""
    return parts.netloc.endswith(":") and "@" in parts.path + parts.query + parts.fragment
