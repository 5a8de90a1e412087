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
    from collections.abc import Sequence

    from av import AudioFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PIECE_S = 0.1
KEPT_S = 10.0
"""So much of the newest sound is kept."""
JUMP_S = 0.2
"""Sound whose clock is further off than this from where it should be begins anew."""


def new_resampler() -> av.AudioResampler:
    """Return what makes sound as `Sound` has it."""
    return av.AudioResampler("flt", "mono", SOUND_RATE)


def samples_of(parts: Sequence[AudioFrame]) -> NDArray[np.float32]:
    """Return the samples of resampled sound, float32 (n,), -1 to 1 whatever a file holds."""
    sound = np.concatenate([np.zeros(0, np.float32), *(part.to_ndarray()[0] for part in parts)])
    return np.asarray(np.nan_to_num(np.clip(sound, -1, 1)), np.float32)


class SoundTap:
    """Keeps the newest sound; what is damaged is left out.

    Args:
        wanted: false hears nothing and costs nothing.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._kept: deque[Sound] = deque(maxlen=round(KEPT_S / PIECE_S))
        self._resampler: Any = None
        self._parts: list[AudioFrame] = []
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
            self._resampler = new_resampler()
            self._parts, self._from_s = [], frame.time
        self._next_s = frame.time + frame.samples / frame.sample_rate
        self._parts += self._resampler.resample(frame)
        count = sum(part.samples for part in self._parts)
        if count >= PIECE_S * SOUND_RATE:
            heard = samples_of(self._parts).tobytes()
            self._kept.append(Sound(self._from_s + self.offset_s, heard))
            self._from_s += count / SOUND_RATE
            self._parts = []
            self.pieces = tuple(self._kept)
