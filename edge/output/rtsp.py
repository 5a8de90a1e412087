"""`rtsp://`: the programme with names as a stream for other players, by GStreamer's RTSP server.

It encodes only while somebody watches, once for all who do.
"""

from __future__ import annotations

import logging
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from edge.errors import BackendMissingError
from edge.output.display import FEED, buffer_of, caps_of, even_size
from edge.output.file import VideoWriteError
from edge.video.sources.gstreamer import load_gst
from edge.video.uri import without_password
from gallery.threads import Worker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PORT, PATH = 8554, "/live"
ROLE = "viewer"
BITS_PER_PIXEL = 0.1
"""Of H.264 at this speed of encoding: 5 Mbit/s for 1080p25."""
FPS, KEY_EVERY = 25, 25
"""A new viewer waits for a key frame, so there is one every second."""
SLIP_S = 0.5
"""A source whose time is off the clock by this much has jumped: start counting again."""
I420 = "video/x-raw,format=I420"  # left to itself, x264enc takes 4:4:4, which few players show
ENCODERS = {
    # Not every Jetson has the encoder (Orin Nano has none). Not run on hardware.
    "nvv4l2h264enc": "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! nvv4l2h264enc "
    "insert-sps-pps=true idrinterval={key} iframeinterval={key} bitrate={bits}",
    "x264enc": f"{I420} ! x264enc tune=zerolatency speed-preset=superfast key-int-max={{key}} "
    "bitrate={kbits}",
    "openh264enc": f"{I420} ! openh264enc complexity=low gop-size={{key}} bitrate={{bits}}",
}
REMEDY = (
    "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly; see docs/output.md"
)


class RtspWriter:
    """Serves frames to RTSP players.

    Args:
        uri: `rtsp://[user:password@]host[:port][/name]`, where it listens.

    Raises:
        VideoWriteError: the address cannot be served, or would be open to the network.
        BackendMissingError: the server or an encoder is not installed.
    """

    def __init__(self, uri: str) -> None:
        self._uri = without_password(uri)
        parts = _checked(uri, self._uri)
        self._path = parts.path if parts.path.strip("/") else PATH
        self._gst = load_gst(self._uri)
        self._lib = _load_server(self._uri)
        self._encoder = choose_encoder(self._gst, self._uri)
        log.info("%s: encoded by %s", self._uri, self._encoder)
        self._size = (0, 0)
        self._feed: Any = None  # appsrc of the stream that is being watched, or None
        self._shift_s: float | None = None
        self._context = self._lib["GLib"].MainContext.new()
        self._closing = threading.Event()
        self._server = self._lib["GstRtspServer"].RTSPServer.new()
        self._server.set_address(parts.hostname)
        self._server.set_service(str(parts.port or PORT))
        self._users = self._ask_for_password(parts.username, parts.password)
        self._listening = self._server.attach(self._context)
        if not self._listening:
            raise VideoWriteError(
                f"output: {self._uri}: nobody can listen there, expected an address of this "
                "machine and a free port; stop what uses it, or take another"
            )
        self._thread = Worker("rtsp", self._serve)
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """Whether somebody watches, or may begin to: the first frame opens the address."""
        return self._feed is not None or self._size == (0, 0)

    def write(self, bgr: NDArray[np.uint8], pts_s: float) -> None:
        """Send a frame to everybody who watches.

        Args:
            bgr: uint8 (height, width, 3), BGR; another size than the first one's is letterboxed.
            pts_s: when it is shown; how far it is from the frame before is kept.
        """
        if self._size == (0, 0):
            self._size = even_size(bgr)
            self._mount()
        feed = self._feed
        clock = feed.get_clock() if feed is not None else None
        if clock is None:
            return
        now_s = (clock.get_time() - feed.get_base_time()) / 1e9
        if self._shift_s is None or abs(pts_s + self._shift_s - now_s) > SLIP_S:
            self._shift_s = now_s - pts_s
        buffer = buffer_of(self._gst, bgr, self._size)
        buffer.pts = max(0, round((pts_s + self._shift_s) * 1e9))
        feed.emit("push-buffer", buffer)

    def close(self) -> None:
        """Stop serving, and let go of the port."""
        self._feed = None
        remove = self._lib["GstRtspServer"].RTSPFilterResult.REMOVE
        self._server.client_filter(lambda *_: remove)
        source = self._context.find_source_by_id(self._listening)
        if source is not None:
            source.destroy()
        self._closing.set()
        self._context.wakeup()
        self._thread.join(1)

    def _serve(self) -> None:
        # Not GLib's MainLoop: quitting it before it runs has no effect.
        while not self._closing.is_set():
            self._context.iteration(True)  # noqa: FBT003 - GLib's own order

    def _mount(self) -> None:
        """Open the address; the size is known now."""
        rate = self._size[0] * self._size[1] * FPS * BITS_PER_PIXEL
        encode = ENCODERS[self._encoder].format(
            key=KEY_EVERY, bits=round(rate), kbits=round(rate / 1000)
        )
        factory = self._lib["GstRtspServer"].RTSPMediaFactory.new()
        factory.set_shared(True)
        # The parser repeats the parameters, once a key frame. The payloader would do so before each
        # of its slices, and FFmpeg takes what follows them for another picture.
        factory.set_launch(
            f"( {FEED.format(stamp='')} ! {encode} ! h264parse config-interval=-1 ! "
            "video/x-h264,alignment=au ! rtph264pay name=pay0 pt=96 )"
        )
        factory.connect("media-configure", self._watched)
        if self._users is not None:
            factory.set_permissions(self._users)
        self._server.get_mount_points().add_factory(self._path, factory)

    def _watched(self, _factory: Any, media: Any) -> None:
        """Take the stream that was made for the first viewer; called by the server."""
        feed = media.get_element().get_by_name_recurse_up("feed")
        feed.set_property("caps", self._gst.Caps.from_string(caps_of(self._size)))
        media.connect("unprepared", self._left, feed)
        self._shift_s = None
        self._feed = feed

    def _left(self, _media: Any, feed: Any) -> None:
        if self._feed is feed:
            self._feed = None

    def _ask_for_password(self, user: str | None, password: str | None) -> Any:
        """Set up authentication; return who may do what with a stream, or None."""
        if not user or not password:
            return None
        lib = self._lib["GstRtspServer"]
        token = lib.RTSPToken.new()
        token.set_string(lib.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
        auth = lib.RTSPAuth.new()
        auth.add_basic(lib.RTSPAuth.make_basic(unquote(user), unquote(password)), token)
        self._server.set_auth(auth)
        users = lib.RTSPPermissions.new()
        for what in ("access", "construct"):
            users.add_permission_for_role(ROLE, f"media.factory.{what}", True)  # noqa: FBT003
        return users


def _checked(uri: str, shown: str) -> Any:
    """Return the parts of an address that may be served."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise VideoWriteError(
            f"output: {shown}, expected rtsp://HOST:PORT/NAME, such as rtsp://127.0.0.1:8554/live"
        )
    try:
        home = ip_address(host).is_loopback
    except ValueError:
        home = host == "localhost"
    if not home and not (parts.username and parts.password):
        raise VideoWriteError(
            f"output: {shown} is open to the network, expected a user and password too: "
            f"rtsp://user:password@{host}; or rtsp://127.0.0.1"
        )
    return parts


def _load_server(uri: str) -> dict[str, Any]:
    try:
        import gi  # noqa: PLC0415

        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import GLib, GstRtspServer  # noqa: PLC0415
    except (ImportError, ValueError) as error:
        raise BackendMissingError(
            uri, f"GStreamer's RTSP server is not installed ({error})", remedy=REMEDY
        ) from error
    return {"GLib": GLib, "GstRtspServer": GstRtspServer}


def choose_encoder(gst: Any, uri: str) -> str:
    """Return the first H.264 encoder that is installed and opens, hardware before software.

    Raises:
        BackendMissingError: there is none.
    """
    for name in ENCODERS:
        element = gst.ElementFactory.make(name, None)
        if element is None:
            continue
        opens = element.set_state(gst.State.READY) != gst.StateChangeReturn.FAILURE
        element.set_state(gst.State.NULL)
        if opens:
            return name
    raise BackendMissingError(
        uri, "GStreamer has no H.264 encoder here", f"one of {', '.join(ENCODERS)}", REMEDY
    )
