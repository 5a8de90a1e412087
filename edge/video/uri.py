"""What kind of source an address names, and what of it may be printed."""

from __future__ import annotations

import re
from pathlib import Path

from gallery.channel.redact import redact

LIVE_SCHEMES = frozenset(
    {"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "v4l2", "screen", "csi", "webrtc"}
)
"""`csi` and `webrtc` are read by jetson-utils only."""


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")


def without_password(uri: str) -> str:
    """Return an address fit to be printed: `rtsp://user:secret@host` as `rtsp://user:***@host`."""
    return redact(uri)


def is_path(uri: str) -> bool:
    """Return whether this names a file or folder: whatever exists does, colons or not."""
    if not uri or "\0" in uri:
        return False
    try:
        return Path(uri).exists() or uri.startswith(("/", "./", "../", "~"))
    except OSError:  # a name that is too long, a folder that may not be looked into
        return not scheme_of(uri)


def scheme_of(uri: str) -> str:
    """Return the URI's scheme in lower case; an empty string for a path."""
    scheme, colon, rest = uri.partition(":")
    # "C" in C:\film.mp4, "12" in 12:30.mp4 and "Star Wars" in Star Wars: A New Hope.mp4 are none
    known = _SCHEME.fullmatch(scheme) and (rest.startswith("//") or scheme.lower() in LIVE_SCHEMES)
    return scheme.lower() if colon and known else ""
