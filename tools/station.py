"""A station that sends a film without end and can be killed: station.py rtsp|hls|udp PORT FILE.

It prints a line with the monotonic time at which it began to send: UDP with its first packet, HLS
when it answers with the first list of segments, RTSP (GStreamer's own server) when it listens. RTSP
is run by the system's Python, which has `gi`; FILE is an MP4 of H.264 with a key frame twice a
second and no B-frames.
"""

from __future__ import annotations

import functools
import http.server
import sys
import tempfile
import threading
import time
from pathlib import Path

LAUNCH = "( filesrc location={} ! qtdemux ! h264parse ! rtph264pay config-interval=-1 name=pay0 )"


def begun() -> None:
    """Tell the parent when the first byte went out."""
    sys.stdout.write(f"{time.monotonic()}\n")
    sys.stdout.flush()


def serve_rtsp(port: int, film: str) -> None:
    """Play the film to whoever asks, by GStreamer's RTSP server."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(film))
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    begun()
    GLib.MainLoop().run()


def send_udp(port: int, film: str) -> None:
    """Send a transport stream to a port of the loopback."""
    from edge.bench import stream_sender

    told = threading.Event()

    def sent(*_: object) -> None:
        if not told.is_set():  # the parent reads one line, and the film comes round again
            told.set()
            begun()

    stream_sender.send_udp(film, port, sent)


def serve_hls(port: int, film: str) -> None:
    """Cut a live HLS and serve it."""
    from edge.bench.stream_sender import play

    with tempfile.TemporaryDirectory() as folder:
        playlist = Path(folder) / "live.m3u8"
        options = {"hls_time": "0.5", "hls_list_size": "4", "hls_flags": "delete_segments"}
        arguments = (film, str(playlist), "hls", options, lambda *_: None)
        threading.Thread(target=play, args=arguments, daemon=True).start()
        while not playlist.exists():
            time.sleep(0.005)
        handler = functools.partial(Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        begun()
        server.serve_forever()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    kind, port, film = sys.argv[1:]
    {"rtsp": serve_rtsp, "hls": serve_hls, "udp": send_udp}[kind](int(port), film)
