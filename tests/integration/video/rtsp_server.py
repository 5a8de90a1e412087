"""A real GStreamer RTSP server for tests, run by the system's Python: rtsp_server.py PORT FILE.

It plays a transport stream (H.264) again and again, as a camera that never ends.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

port, path = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( filesrc location={path} ! {'qtdemux' if path.endswith('mp4') else 'tsdemux'} ! h264parse"
    " ! rtph264pay config-interval=-1 name=pay0 )"
)
factory.set_shared(False)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
sys.stdout.write("ready\n")
sys.stdout.flush()
GLib.MainLoop().run()
