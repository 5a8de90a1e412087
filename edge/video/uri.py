"""What kind of source an address names."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

LIVE_SCHEMES = frozenset(
    {"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "v4l2", "screen", "csi", "webrtc"}
)
"""`csi` and `webrtc` are read by jetson-utils only."""


def without_password(uri: str) -> str:
    """Return the URI fit for logs: `rtsp://user:secret@host` becomes `rtsp://user:***@host`."""
    try:
        parts = urlsplit(uri)
        password = parts.password
    except ValueError:
        return uri
    if not password:
        return uri
    netloc = parts.netloc.replace(f":{password}@", ":***@")
    return urlunsplit(parts._replace(netloc=netloc))


def scheme_of(uri: str) -> str:
    """Return the URI's scheme in lower case; an empty string for a path."""
    scheme, colon, _ = uri.partition(":")
    # "C" in C:\film.mp4 and "12" in 12:30.mp4 are no schemes.
    return scheme.lower() if colon and len(scheme) > 1 and scheme[0].isalpha() else ""
