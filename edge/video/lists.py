"""Lists of other files: playlists, ffconcat, DASH, descriptions of sessions."""

from __future__ import annotations


def names_others(head: bytes) -> bool:
    """Return whether a file that begins so is a list of other files or addresses."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    lists = (b"#extm3u", b"ffconcat", b"v=0\n", b"v=0\r", b"[playlist]", b"[reference]", b"<asx")
    return text.startswith(lists) or (text.startswith(b"<") and b"<mpd" in text[:4096])
