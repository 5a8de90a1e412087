"""Sound beside the pictures, as voices are compared: 16 kHz, one channel."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from edge.video.source import SOUND_RATE, Sound

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

PIECE_S = 0.1
KEPT_S = 10.0
"""So much of the newest sound is kept."""
JUMP_S = 0.2
"""Sound whose clock is further off than this from where it should be begins anew."""


class SoundTap:
    """Keeps the newest sound; what is damaged is left out.

    Args:
        wanted: false hears nothing and costs nothing.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._kept: deque[Sound] = deque(maxlen=round(KEPT_S / PIECE_S))
        self._resampler: Any = None
        self._parts: list[Any] = []
        self._from_s = self._next_s = 0.0
        self.offset_s = 0.0
        """From the raw clock to the source's."""
        self.refused = 0
        self.pieces: tuple[Sound, ...] = ()

    def tracks(self, container: InputContainer, beside: VideoStream) -> list[Stream]:
        """Return the track that is heard: the one that belongs to the pictures, or none."""
        if not self._wanted:
            return []
        found = container.streams.best("audio", related=beside)
        return [found] if found is not None and found.codec_context is not None else []

    def take(self, packet: Packet[Any]) -> None:
        """Take a packet of the track."""
        try:
            for frame in packet.decode():
                self._hear(frame)
        except EOFError:
            return
        except (av.error.FFmpegError, ValueError) as error:
            self.refused += 1
            self._resampler = None
            log.debug("sound skipped: %s", error)

    def _hear(self, frame: Any) -> None:
        if frame.time is None or not frame.samples:
            return
        if self._resampler is None or abs(frame.time - self._next_s) > JUMP_S:
            self._resampler = av.AudioResampler("flt", "mono", SOUND_RATE)
            self._parts, self._from_s = [], frame.time
        self._next_s = frame.time + frame.samples / frame.sample_rate
        for part in self._resampler.resample(frame):
            self._parts.append(part.to_ndarray()[0])
        count = sum(map(len, self._parts))
        if count >= PIECE_S * SOUND_RATE:
            heard = np.nan_to_num(np.clip(np.concatenate(self._parts), -1, 1)).astype(np.float32)
            self._kept.append(Sound(self._from_s + self.offset_s, heard.tobytes()))
            self._from_s += count / SOUND_RATE
            self._parts = []
            self.pieces = tuple(self._kept)
