"""Open a source by its address."""

from __future__ import annotations

import errno
import io
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from edge.errors import BackendMissingError, SourceError, SourceMissingError
from edge.video.lists import names_others
from edge.video.picture import is_still
from edge.video.source import DEFAULT_OPTIONS
from edge.video.sources.pipe import STDIN, Pipe, is_pipe
from edge.video.uri import LIVE_SCHEMES, normal, path_of, scheme_of, without_password
from engines.pictures.formats import HEAD_BYTES, JPEG, format_of, is_picture_name

if TYPE_CHECKING:
    from pathlib import Path

    from edge.video.source import Source, SourceOptions

MOST_PICTURE_BYTES = 100_000_000
SECOND_JPEG = 4 << 20
"""So far into a pipe the second picture of a row of JPEGs is looked for."""


def open_source(uri: str, *, options: SourceOptions = DEFAULT_OPTIONS) -> Source:
    """Open a picture, a folder of pictures, a video file, a stream, a capture device or the screen.

    Args:
        uri: a path, - (standard input), file://, http(s):// (a file or HLS), rtsp://, udp://,
            rtp://, srt://, rtmp://, v4l2:///dev/video0 (or /dev/video0), screen: (or screen::0.0).
        options: how to read it.

    Raises:
        SourceError: it cannot be read; the message says why and what to do.
    """
    if "\0" in uri:
        raise SourceError(ascii(uri), "no name of a file", remedy="check the path")
    if is_pipe(uri):
        return _open_pipe(uri, options)
    if uri == STDIN:
        uri = "/dev/stdin"
    path = path_of(uri)
    if path is not None:
        return _open_path(path, options)
    scheme = scheme_of(uri)
    if scheme not in LIVE_SCHEMES | {"http", "https"}:
        found = f"the scheme {scheme}:// is not known"
        known = "a path, http, https, " + ", ".join(sorted(LIVE_SCHEMES))
        raise SourceError(without_password(uri), found, known)
    uri = normal(uri)
    if scheme in {"http", "https"} and is_picture_name(urlsplit(uri).path):
        from edge.video.sources.still import StillSource  # noqa: PLC0415
        from edge.video.sources.web_picture import fetch_still  # noqa: PLC0415

        content = fetch_still(uri, options.open_timeout_s)
        if content is not None:
            return StillSource(without_password(uri), content)
    return _open_stream(uri, options)


def _open_path(path: Path, options: SourceOptions) -> Source:
    from edge.video.sources.still import StillSource  # noqa: PLC0415

    shown = str(path)
    try:
        if path.is_dir():
            return StillSource(path)
        if path.is_char_device():
            return _open_stream(f"v4l2://{path}", options)
        with path.open("rb") as file:
            begun = file.read(512)
            still = path.is_file() and is_still(file, path.name)
    except FileNotFoundError as error:
        raise SourceMissingError(shown, "no such file", remedy="check the path") from error
    except ValueError as error:
        raise SourceError(ascii(shown), "no name of a file", remedy="check the path") from error
    except OSError as error:
        remedy = "check its name" if error.errno == errno.ENAMETOOLONG else "check its permissions"
        raise SourceError(shown, f"cannot be read ({error.strerror})", remedy=remedy) from error
    if not begun:
        raise SourceError(shown, "an empty file", "a picture or a video")
    if still:
        return StillSource(path)
    if names_others(begun):
        found = "a list of other files, which are not opened for it"
        raise SourceError(shown, found, "a video", "give those, or serve the list over http")
    return _open_stream(shown, options)


def _index_last(head: bytes) -> bool:
    """Whether this is an MP4 or MOV whose pictures stand before their index."""
    media, index = head.find(b"mdat"), head.find(b"moov")
    return head[4:8] == b"ftyp" and media >= 0 and not 0 <= index < media


def _open_pipe(shown: str, options: SourceOptions) -> Source:
    """Open what can be read once: a picture is taken whole, a film as it comes."""
    from edge.video.sources.pyav import PyAVSource  # noqa: PLC0415
    from edge.video.sources.still import StillSource  # noqa: PLC0415

    pipe = Pipe(shown, options.open_timeout_s)
    kind = format_of(pipe.head[:HEAD_BYTES])
    if _index_last(pipe.head):
        content = io.BytesIO(pipe.read_at_most(MOST_PICTURE_BYTES))
        pipe.close()
        return PyAVSource(shown, options, content)
    if kind is None or (kind is JPEG and not is_still(io.BytesIO(pipe.peek(SECOND_JPEG)), shown)):
        return PyAVSource(shown, options, pipe)  # a row of JPEGs may have no end
    content = io.BytesIO(pipe.read_at_most(MOST_PICTURE_BYTES))
    pipe.close()
    if is_still(content, shown):
        return StillSource(shown, content.getvalue())
    content.seek(0)
    return PyAVSource(shown, options, content)  # an animation


def _open_stream(uri: str, options: SourceOptions) -> Source:
    """Open anything but still pictures with the backend that is asked for."""
    backend = options.backend
    scheme = scheme_of(uri)
    if backend == "auto":
        backend = "jetson" if scheme in {"csi", "webrtc"} else "pyav"
        if scheme == "srt":  # PyAV's wheels are built without it
            with suppress(BackendMissingError):
                return _open_stream(uri, msgspec.structs.replace(options, backend="pyav"))
            backend = "gstreamer"
    if backend != "pyav" and (options.stream is not None or options.programme is not None):
        found = f"read by {backend}, which takes the first stream"
        raise SourceError(without_password(uri), found, remedy='take backend = "pyav"')
    if backend == "gstreamer":
        from edge.video.sources.gstreamer import GStreamerSource  # noqa: PLC0415

        return GStreamerSource(uri, options)
    if backend == "jetson":
        from edge.video.sources.jetson import JetsonSource  # noqa: PLC0415

        return JetsonSource(uri, options)
    from edge.video.sources.pyav import PyAVSource  # noqa: PLC0415

    return PyAVSource(uri, options)
