"""Subtitles beside the pictures: tracks of text or of pictures, and CEA-608 inside the pictures.

FFmpeg's decoder of captions takes the CEA-608 pairs that CEA-708 packets carry beside their own,
and leaves out what is CEA-708 only: such a stream says nothing here.
"""

from __future__ import annotations

import html
import logging
import re
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.packet import Packet

from edge.video.source import SubtitleLine, SubtitlePicture
from edge.video.sources.dvb_picture import Colours, grey_picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

TEXT_CODECS = frozenset({"subrip", "srt", "webvtt", "mov_text", "ass", "ssa", "text"})
PLAIN_CODECS = frozenset({"subrip", "srt", "webvtt", "text"})
"""Of these a packet is the text itself, which is read without FFmpeg's decoder."""
DVB = "dvbsub"
MOST_TRACKS = 4
MOST_PICTURES = 4
MOST_LINES = 64
"""So many of the newest are kept."""
MOST_TEXT = 500
"""Characters of a line; the rest is cut."""
SHOWN_S = (0.5, 4.0, 10.0)
"""How long a line is shown at least, where nothing says it, and at most."""
CEA_608 = "A53_CC"
MOST_PAIRS = 3 * 64
"""Bytes of captions in one picture; 31 triplets are the most that the standard allows."""
_VOICE = re.compile(rb"<v(?:\.[^<>\s]{0,40})?\s+([^<>\n]{1,60})>")
_OVERRIDE = re.compile(r"\{[^{}]{0,200}\}")
_ELEMENT = re.compile(r"</?[A-Za-z][^<>]{0,100}>")


def in_utf_8(text: bytes) -> bytes:
    """Return a text as UTF-8; what is not is taken for Windows' Western characters."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace").encode()
    return text


def with_voices(text: bytes) -> bytes:
    """Return WebVTT's `<v.loud Joey>Hello` as `Joey: Hello`, which FFmpeg's decoder leaves out."""
    return _VOICE.sub(rb"\n\1: ", text)


def plain_text(event: bytes) -> str:
    r"""Return what a line of ASS shows, as lines: without `{\i1}`, `<i>`, entities and controls."""
    text = event[: 8 * MOST_TEXT].decode("utf-8", errors="replace")
    text = _ELEMENT.sub("", _OVERRIDE.sub("", text))
    text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    lines = html.unescape(text).replace("\r", "\n").split("\n")
    shown = (" ".join("".join(c if c.isprintable() else " " for c in x).split()) for x in lines)
    return "\n".join(line for line in shown if line)[:MOST_TEXT]


class SubtitleTap:
    """Keeps the newest lines of text beside a picture; what is damaged is left out.

    Args:
        wanted: false hears nothing and costs nothing.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._lines: deque[SubtitleLine] = deque(maxlen=MOST_LINES)
        self._pictures: deque[SubtitlePicture] = deque(maxlen=MOST_PICTURES)
        self._colours: dict[int, Colours] = {}
        self._captions: Any = None
        self._shown = ""
        self.offset_s = 0.0
        """From the raw clock to the source's."""
        self.refused = 0
        self.lines: tuple[SubtitleLine, ...] = ()
        self.pictures: tuple[SubtitlePicture, ...] = ()

    def tracks(self, container: InputContainer) -> list[Stream]:
        """Return the tracks that are read."""
        if not self._wanted:
            return []
        every: tuple[Stream, ...] = container.streams.subtitles
        read = {*TEXT_CODECS, DVB}
        found = [s for s in every if s.codec_context and s.codec_context.name in read]
        return found[:MOST_TRACKS]

    def take(self, packet: Packet[Any]) -> None:
        """Take a packet of a track."""
        if packet.pts is None or packet.time_base is None or not packet.size:
            return
        begin_s = float(packet.pts * packet.time_base)
        shown_s = float((packet.duration or 0) * packet.time_base)
        if packet.stream.codec_context.name in PLAIN_CODECS:
            text = plain_text(with_voices(in_utf_8(bytes(packet))))
            if text:
                self._keep(text, begin_s, shown_s)
            return
        try:
            found = packet.stream.codec_context.decode2(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self._refuse(error)
            return
        if packet.stream.codec_context.name == DVB:
            self._keep_picture(packet, found, begin_s)
            return
        for text in _texts(found):
            self._keep(text, begin_s, shown_s)

    def look(self, frame: VideoFrame) -> None:
        """Take the captions that a decoded picture carries."""
        if not self._wanted or frame.pts is None or frame.time is None:
            return
        beside: Any = frame.side_data
        data = next((bytes(one) for one in beside if one.type.name == CEA_608), b"")
        if not data:
            return
        packet: Packet[Any] = Packet(data[:MOST_PAIRS])
        packet.pts = packet.dts = round(frame.time * 1000)
        try:
            if self._captions is None:
                self._captions = av.CodecContext.create("cc_dec", "r")
                self._captions.options = {"real_time": "1"}
            found = self._captions.decode2(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self._refuse(error)
            return
        if found is None:
            return
        shown = "\n".join(_texts(found))
        if shown and shown != self._shown:
            self._keep(shown, float(frame.time), 0.0)
        self._shown = shown

    def _keep(self, text: str, begin_s: float, shown_s: float) -> None:
        self._lines.append(SubtitleLine(*self._when(begin_s, shown_s), text))
        self.lines = tuple(self._lines)

    def _keep_picture(self, packet: Packet[Any], rects: Any, begin_s: float) -> None:
        colours = self._colours.setdefault(packet.stream.index, Colours())
        colours.take(bytes(packet))
        grey = grey_picture(rects or (), colours)
        if grey is None:
            return
        height, width = grey.shape
        found = SubtitlePicture(*self._when(begin_s, 0.0), width, height, grey.tobytes())
        if any(p.grey == found.grey and p.to_s > found.from_s for p in self._pictures):
            return  # sent again, for those who tune in
        self._pictures.append(found)
        self.pictures = tuple(self._pictures)

    def _when(self, begin_s: float, shown_s: float) -> tuple[float, float]:
        least, usual, most = SHOWN_S
        from_s = begin_s + self.offset_s
        return round(from_s, 3), round(from_s + min(max(shown_s or usual, least), most), 3)

    def _refuse(self, error: Exception) -> None:
        self.refused += 1
        log.debug("subtitle skipped: %s", error)


def _texts(found: Iterable[Any] | None) -> list[str]:
    """Return the texts of a decoded set; pictures of text have none."""
    texts = []
    for rect in found or ():
        with suppress(AttributeError, ValueError):
            texts.append(plain_text(bytes(rect.dialogue)))
    return [text for text in texts if text]
