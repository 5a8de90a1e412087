"""`tvradar`, an element of GStreamer: who is in the video of any pipeline.

    GST_PLUGIN_PATH=edge/clients/gstreamer gst-launch-1.0 -m filesrc location=film.mp4 ! decodebin \
        ! videoconvert ! tvradar gallery=mine overlay=true ! videoconvert ! autovideosink

Loaded by Debian's gstreamer1.0-python3-plugin-loader, in Debian's own Python. tvradar comes from
there if it is installed there, else from the virtual environment in TVRADAR_VENV, else from `.venv`
of the folder that this file lies in; it must be one of the same Python. Scenes are posted on the
bus as element messages, and lie on the buffers as GstVideoRegionOfInterestMeta (docs/players.md).
"""

from __future__ import annotations

import json
import os
import site
import sys
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, GObject, Gst, GstBase, GstVideo

HERE = Path(__file__).resolve()
CAPS = Gst.Caps.from_string("video/x-raw,format=BGR,pixel-aspect-ratio=1/1")
MESSAGES = ("changes", "frames", "none")


def find_tvradar() -> None:
    """Let tvradar be imported; see the module.

    Raises:
        ImportError: it cannot; the message says what was tried.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    venv = Path(os.environ.get("TVRADAR_VENV") or HERE.parents[4] / ".venv")
    packages = venv / "lib" / version / "site-packages"
    try:
        import edge.recognise.recogniser
    except ImportError as error:
        if not packages.is_dir():
            raise ImportError(
                f"{packages}: no such folder, and tvradar is not installed for {sys.executable}; "
                f"GStreamer's loader runs {version}: make the virtual environment with it, and "
                "name it in TVRADAR_VENV"
            ) from error
        site.addsitedir(str(packages))
        sys.path.insert(0, str(packages))
        import edge.recognise.recogniser  # noqa: F401


class TvRadar(GstBase.BaseTransform):  # type: ignore[misc]
    """Looks at each picture, and passes it on."""

    __gstmetadata__ = (
        "Who is on screen",
        "Filter/Analyzer/Video",
        "Names the faces in a video that are in a gallery of tvradar",
        "tvradar",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, CAPS),
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, CAPS),
    )
    gallery = GObject.Property(
        type=str, nick="gallery", blurb='Folder that "tvradar gallery enrol" wrote'
    )
    cast = GObject.Property(
        type=str, default="", nick="cast", blurb="Ids of the title's cast, with commas"
    )
    fpir = GObject.Property(
        type=float,
        default=0.01,
        minimum=0.0001,
        maximum=0.1,
        nick="fpir",
        blurb="Promised share of strangers who get a wrong name",
    )
    lang = GObject.Property(type=str, default="en", nick="lang", blurb="Language of the names")
    overlay = GObject.Property(
        type=bool, default=False, nick="overlay", blurb="Draw boxes and names into the picture"
    )
    metadata = GObject.Property(
        type=bool, default=True, nick="metadata", blurb="Put a region of interest on each face"
    )
    messages = GObject.Property(
        type=str,
        default="changes",
        nick="messages",
        blurb="When a scene is posted on the bus: changes, frames, none",
    )

    def __init__(self) -> None:
        super().__init__()
        self._info: Any = None
        self._index = 0
        self._told: Any = None
        self._people: dict[str, dict[str, Any]] = {}
        self._recogniser: Any = None
        self._known: Any = None
        self._models: Any = None
        self._annotator: Any = None
        self._names: dict[str, str] = {}

    def do_start(self) -> bool:
        """Load the models and the gallery; tell on the bus why that cannot be."""
        try:
            self._check()
            find_tvradar()
            self._open()
        except Exception as error:  # noqa: BLE001 (foreign code is above; the pipeline ends with it)
            failed = GLib.Error.new_literal(
                Gst.ResourceError.quark(), str(error), Gst.ResourceError.OPEN_READ
            )
            self.post_message(Gst.Message.new_error(self, failed, type(error).__name__))
            return False
        return True

    def _check(self) -> None:
        if self.messages not in MESSAGES:
            raise ValueError(f"messages={self.messages}: expected {', '.join(MESSAGES)}")
        if not self.gallery:
            raise ValueError('gallery: expected the folder that "tvradar gallery enrol" wrote')

    def _open(self) -> None:
        from edge.library import open_models
        from edge.output.annotate import Annotator
        from edge.recognise.recogniser import Recogniser, RecogniserOptions
        from gallery.errors import GalleryInputError
        from gallery.search.open import open_gallery

        self._models = open_models()
        self._known = known = open_gallery(Path(self.gallery), self._models.model)
        cast = frozenset(part.strip() for part in self.cast.split(",") if part.strip())
        if unknown := sorted(i for i in cast if i not in known):
            raise GalleryInputError(f"cast: {', '.join(unknown)} not in the gallery")
        options = RecogniserOptions(fpir=self.fpir, cast=cast)
        self._recogniser = Recogniser(self._models, lambda: known, options)
        self._annotator = Annotator()
        self._index, self._told, self._people, self._names = 0, None, {}, {}

    def do_stop(self) -> bool:
        """Let go of models and gallery."""
        for opened in (self._models, self._known):
            if opened is not None:
                opened.close()
        self._models = self._known = self._recogniser = None
        return True

    def do_set_caps(self, incaps: Gst.Caps, _outcaps: Gst.Caps) -> bool:
        """Learn the size of the pictures."""
        self._info = GstVideo.VideoInfo.new_from_caps(incaps)
        return True

    def do_sink_event(self, event: Gst.Event) -> bool:
        """Tell who was seen, at the end."""
        if event.type == Gst.EventType.EOS and self.messages != "none":
            told = Gst.Structure.new_empty("tvradar-people")
            told.set_value("people", json.dumps(list(self._people.values()), ensure_ascii=False))
            self.post_message(Gst.Message.new_element(self, told))
        return bool(GstBase.BaseTransform.do_sink_event(self, event))

    def do_transform_ip(self, buffer: Gst.Buffer) -> Gst.FlowReturn:
        """Look at a picture."""
        import numpy as np

        from edge.video.frame import Frame

        with buffer.map(Gst.MapFlags.READ) as mapped:
            rows = np.frombuffer(mapped.data, np.uint8)
            bgr = self._picture(rows, buffer).copy()
        at_ns = self.segment.to_stream_time(Gst.Format.TIME, buffer.pts)
        pts_s = at_ns / Gst.SECOND if at_ns != Gst.CLOCK_TIME_NONE else self._index / 25
        frame = Frame(bgr, pts_s, self._index, time.monotonic_ns())
        self._index += 1
        scene = self._recogniser.process(frame).scene
        for face in scene.faces:
            if face.id is not None:
                self._note(face.id, pts_s)
        self._post(scene)
        if self.metadata:
            self._mark(buffer, scene)
        if self.overlay and scene.faces:
            self._draw(buffer, bgr, scene)
        return Gst.FlowReturn.OK

    def _picture(self, data: Any, buffer: Gst.Buffer) -> Any:
        """Return the pixels of a buffer, uint8 (height, width, 3), a view."""
        import numpy as np

        info, meta = self._info, GstVideo.buffer_get_video_meta(buffer)
        stride = meta.stride[0] if meta else info.stride[0]
        offset = meta.offset[0] if meta else info.offset[0]
        shape, steps = (info.height, info.width, 3), (stride, 3, 1)
        return np.lib.stride_tricks.as_strided(data[offset:], shape, steps)

    def _name(self, person: str) -> str:
        if person not in self._names:
            self._names[person] = self._known.person(person).name(self.lang)
        return self._names[person]

    def _note(self, person: str, pts_s: float) -> None:
        seen = self._people.setdefault(
            person,
            {"id": person, "name": self._name(person), "first_s": round(pts_s, 3), "frames": 0},
        )
        seen["last_s"] = round(pts_s, 3)
        seen["frames"] += 1

    def _post(self, scene: Any) -> None:
        told = (scene.shot, sorted((f.track, f.id or "") for f in scene.faces))
        if self.messages == "none" or (self.messages == "changes" and told == self._told):
            return
        self._told = told
        faces = [
            {
                "track": face.track,
                "box": [round(v, 1) for v in face.box],
                "id": face.id,
                "name": self._name(face.id) if face.id else None,
                "score": round(face.score, 4),
                "why": face.why,
            }
            for face in scene.faces
        ]
        structure = Gst.Structure.new_empty("tvradar-scene")
        structure.set_value("pts-s", scene.pts_s)
        structure.set_value("shot", scene.shot)
        structure.set_value("faces", json.dumps(faces, ensure_ascii=False))
        self.post_message(Gst.Message.new_element(self, structure))

    def _mark(self, buffer: Gst.Buffer, scene: Any) -> None:
        """Put a region of interest on each face, with a structure that says whose it is."""
        for face in scene.faces:
            left, top = max(0, int(face.box[0])), max(0, int(face.box[1]))
            width, height = max(1, int(face.box[2]) - left), max(1, int(face.box[3]) - top)
            meta = GstVideo.buffer_add_video_region_of_interest_meta(
                buffer, "face", left, top, width, height
            )
            meta.id = face.track
            about = Gst.Structure.new_empty("tvradar")
            about.set_value("track", face.track)
            about.set_value("id", face.id or "")
            about.set_value("name", self._name(face.id) if face.id else "")
            about.set_value("score", float(face.score))
            meta.add_param(about)

    def _draw(self, buffer: Gst.Buffer, bgr: Any, scene: Any) -> None:
        import numpy as np

        shown = {c.id for f in scene.faces if f.why == "ambiguous" for c in f.candidates}
        shown |= {f.id for f in scene.faces if f.id}
        drawn = self._annotator.draw(bgr, scene, {i: self._name(i) for i in shown})
        with buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE) as mapped:
            self._picture(np.frombuffer(mapped.data, np.uint8), buffer)[:] = drawn


GObject.type_register(TvRadar)
__gstelementfactory__ = ("tvradar", Gst.Rank.NONE, TvRadar)
