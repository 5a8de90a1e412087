"""What FFmpeg needs to know to open a URI, and what its errors mean."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from edge.errors import BackendMissingError, SourceError, SourceLostError, SourceMissingError
from edge.video.lists import names_others
from edge.video.uri import LIVE_SCHEMES, NETWORK, is_path, scheme_of

if TYPE_CHECKING:
    from edge.video.source import SourceOptions

PROTOCOLS = {
    "http": "http,https,tcp,tls,crypto,httpproxy",
    "https": "http,https,tcp,tls,crypto,httpproxy",
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls,http,https,httpproxy",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy",
    "rtmp": "rtmp,rtmps,rtmpt,rtmpe,tcp,tls,http,https",
    "rtp": "rtp,srtp,udp",
    "srt": "srt",
    "tcp": "tcp",
    "udp": "udp,rtp",
}
"""What a source may lead FFmpeg to, by its scheme: never a file."""
LEADS_ON = {
    "http": "hls,dash",
    "https": "hls,dash",
    "rtsp": "rtsp,sdp",
    "rtsps": "rtsp,sdp",
    "rtp": "rtp,sdp",
}
"""Formats that lead to other addresses, where that is what they are for."""
_LISTS = {"concat", "concatf", "hls", "applehttp", "dash", "imf", "sdp", "webm_dash_manifest"}
_NEIGHBOURS = {"mlv", "vobsub", "image2", "rtsp", "rtp", "sap", "ffmetadata", "tty"}
_SCRIPTS = {"lavfi", "vapoursynth", "avisynth"}
_DEVICES = {"fbdev", "x11grab", "video4linux2", "v4l2", "alsa", "oss", "pulse", "kmsgrab"}
OPENS_OTHERS = frozenset(_LISTS | _NEIGHBOURS | _SCRIPTS | _DEVICES | {"xcbgrab"})
"""Formats that name other files or devices, or take any text for a picture."""


@dataclass(frozen=True, slots=True)
class Address:
    """How FFmpeg is to open a source."""

    url: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    network: bool = False
    live: bool = False


def address_of(uri: str, options: SourceOptions, *, piped: bool = False) -> Address:
    """Translate a URI and our options to FFmpeg's."""
    if piped:
        return Address(uri, None, _confined("", "") | options.demuxer)
    scheme = "" if is_path(uri) else scheme_of(uri)
    if not scheme:
        # without its own scheme FFmpeg takes "Star Wars: A New Hope.mp4" for an address
        return Address(f"file:{uri}", None, _confined("file", "") | options.demuxer)
    if scheme == "v4l2":
        return Address(_rest(uri), "video4linux2", _device(options), live=True)
    if scheme == "screen":
        return Address(_rest(uri) or os.environ.get("DISPLAY", ":0"), "x11grab", _device(options))
    network = scheme in NETWORK
    live = scheme in LIVE_SCHEMES
    if options.live is not None:
        live = options.live
    settings = _newest_first(scheme, options) if live else {}
    if network and not live:
        # A film on a server: a connection that breaks is opened again where it broke.
        settings = {"reconnect": "1", "reconnect_on_network_error": "1"}
        settings["reconnect_delay_max"] = "4"
    if scheme in {"http", "https"}:
        # A live HLS from its newest segment on, not three before it. A film does not look at it.
        settings["live_start_index"] = "-1"
    settings |= _confined(PROTOCOLS.get(scheme, scheme), LEADS_ON.get(scheme, ""))
    return Address(uri, None, settings | options.demuxer, network, live)


def _confined(protocols: str, playlists: str) -> dict[str, str]:
    """Return what keeps FFmpeg from opening more than the source itself.

    A film may be a list of other files, whatever its name says (ffconcat, HLS, DASH, SDP), and a
    stream may name files of this machine.
    """
    allowed = _formats() | set(filter(None, playlists.split(",")))
    formats = ",".join(sorted(allowed))
    return {"protocol_whitelist": protocols or "none", "format_whitelist": formats}


@cache
def _formats() -> frozenset[str]:
    return frozenset(
        name
        for joined in av.formats_available
        for name in joined.split(",")
        if name not in OPENS_OTHERS
    )


def _rest(uri: str) -> str:
    return uri.partition(":")[2].removeprefix("//")


def _device(options: SourceOptions) -> dict[str, str]:
    settings = {}
    if options.size:
        settings["video_size"] = f"{options.size[0]}x{options.size[1]}"
    if options.fps:
        settings["framerate"] = f"{options.fps:g}"
    return settings | options.demuxer


def _newest_first(scheme: str, options: SourceOptions) -> dict[str, str]:
    """Return what makes FFmpeg hand out frames at once instead of collecting them."""
    # Not fflags=nobuffer: it throws away what was read while probing, and with it the key frame.
    settings = {"analyzeduration": "500000", "fpsprobesize": "0"}
    if scheme in {"rtsp", "rtsps"}:
        settings["rtsp_transport"] = options.rtsp_transport
        settings["max_delay"] = "100000"  # µs to wait for packets out of order
    if scheme == "udp":
        # A burst of packets must not be lost while the decoder works.
        settings["buffer_size"] = str(2 << 20)
        settings["overrun_nonfatal"] = "1"
    return settings


def explain(error: Exception, uri: str, address: Address, head: bytes = b"") -> SourceError:
    """Make of FFmpeg's error one that says what is wrong and what to do."""
    text = str(getattr(error, "strerror", None) or error)
    if isinstance(error, (av.error.HTTPNotFoundError, FileNotFoundError)):
        return SourceMissingError(uri, "there is nothing at this address", remedy="check the path")
    if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
        remedy = "put the user and password in: scheme://user:password@host"
        return SourceMissingError(uri, "the server wants a user and password", remedy=remedy)
    if isinstance(error, av.error.ProtocolNotFoundError):
        found = f"this build of FFmpeg has no {scheme_of(uri)}://"
        return BackendMissingError(uri, found, remedy='read it by GStreamer: backend = "gstreamer"')
    if address.network and isinstance(error, (av.error.ExitError, TimeoutError)):
        return SourceLostError(uri, "no answer in time", remedy="check that it is on and reachable")
    if address.network and not isinstance(error, av.error.InvalidDataError):
        remedy = "check that it is on and reachable"
        return SourceLostError(uri, f"cannot be opened ({text})", remedy=remedy)
    if address.format:
        return SourceError(uri, f"the device cannot be opened ({text})")
    if head:
        return _explain_head(head, uri)
    if not address.network:
        return _explain_file(Path(address.url.removeprefix("file:")), uri)
    return SourceError(uri, "what comes from there is no video", "MPEG-TS, MP4, HLS, …")


def _explain_file(path: Path, uri: str) -> SourceError:
    with path.open("rb") as file:
        head = file.read(4096)
        if head[4:8] == b"ftyp":
            is_cut = b"moov" not in _whole_boxes(path)
            found = "an MP4 without its whole index (moov): the recording or download was cut off"
            found = found if is_cut else "a damaged MP4: it has an index, and no picture in it"
            return SourceError(uri, found, remedy="get it again, or mend it with untrunc")
    return _explain_head(head, uri)


def _explain_head(head: bytes, uri: str) -> SourceError:
    if head[4:8] == b"ftyp":
        found = "an MP4 that cannot be read from its start on: its index stands at the end"
        return SourceError(uri, found, remedy="give it as a file, or write it with +faststart")
    if names_others(head):
        found = "a list of other files, which are not opened for it"
        return SourceError(uri, found, "a video", "give those, or serve the list over http")
    if _is_text(head):
        return SourceError(uri, "a text file, whatever its name says", "a video or a picture")
    return SourceError(uri, "no video that FFmpeg can read", "MP4, MKV, TS, AVI, …")


def _whole_boxes(path: Path) -> set[bytes]:
    """Return the kinds of the boxes at the top of an MP4 file that end within it."""
    kinds: set[bytes] = set()
    end = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place + 8 <= end and len(kinds) < 1000:
            file.seek(place)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            if length < 8:
                break
            place += length
            if place <= end:
                kinds.add(header[4:8])
    return kinds


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut in two at the end
    return True
