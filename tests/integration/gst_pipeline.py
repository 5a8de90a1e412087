"""Run by Debian's Python: a film through `tvradar` in a pipeline; prints what came of it as JSON.

/usr/bin/python3 gst_pipeline.py FILM GALLERY [PROPERTY=VALUE ...]
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo

Gst.init(None)
film, gallery, *properties = sys.argv[1:]
words = " ".join(properties)
pipeline = Gst.parse_launch(
    f'filesrc location="{film}" ! decodebin ! videoconvert ! tee name=t '
    f"t. ! queue max-size-buffers=400 max-size-bytes=0 max-size-time=0 ! fakesink name=plain "
    f't. ! queue ! tvradar gallery="{gallery}" {words} ! fakesink name=seen'
)
told = {"scenes": [], "people": None, "faces": {}, "drawn": 0, "error": None}
plain = {}


def on_plain(_sink, buffer, _pad):
    with buffer.map(Gst.MapFlags.READ) as mapped:
        plain[buffer.pts] = hash(bytes(mapped.data))


def on_seen(_sink, buffer, _pad):
    with buffer.map(Gst.MapFlags.READ) as mapped:
        told["drawn"] += hash(bytes(mapped.data)) != plain.get(buffer.pts)
    for track in range(50):
        meta = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, track)
        if meta is None:
            continue
        about = meta.get_param("tvradar")
        person = about.get_string("id") or "-"
        told["faces"].setdefault(person, []).append([meta.x, meta.y, meta.w, meta.h])


for name, handler in (("plain", on_plain), ("seen", on_seen)):
    sink = pipeline.get_by_name(name)
    sink.set_property("signal-handoffs", True)
    sink.connect("handoff", handler)
pipeline.set_state(Gst.State.PLAYING)
bus = pipeline.get_bus()
while True:
    message = bus.timed_pop_filtered(
        120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.ELEMENT
    )
    if message is None or message.type == Gst.MessageType.EOS:
        break
    if message.type == Gst.MessageType.ERROR:
        told["error"] = message.parse_error()[0].message
        break
    structure = message.get_structure()
    if structure.get_name() == "tvradar-scene":
        faces = json.loads(structure.get_string("faces"))
        told["scenes"].append({"pts_s": structure.get_double("pts-s")[1], "faces": faces})
    elif structure.get_name() == "tvradar-people":
        told["people"] = json.loads(structure.get_string("people"))
pipeline.set_state(Gst.State.NULL)
print(json.dumps(told))
