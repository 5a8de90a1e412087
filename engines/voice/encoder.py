"""Whose voice it is: Resemblyzer's speaker encoder on stretches of 1.6 s."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.voice.mel import RATE, STEP, mel_spectrogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENCODER = "resemblyzer"
DIMENSION = 256
PART_FRAMES = 160
PART_STEP = round(RATE / 1.3 / STEP)
LEAST_COVERED = 0.75
"""A last part that is covered less than this by sound is left out, unless it is the only one."""
LOUDNESS = 10 ** (-30 / 20)
"""Quieter sound is made this loud (root of the mean square, of 1)."""


class VoiceEncoder:
    """Compares voices; one thread uses it.

    Args:
        threads: for one run of the model.

    Raises:
        ModelMissingError: the file is not in the cache and cannot be fetched.
    """

    def __init__(self, threads: int = 1) -> None:
        self._engine = OnnxRuntimeEngine(fetch(ENCODER), threads=threads)

    def embed(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a voice as a unit vector, float32 (256,); zeros where there is no sound.

        Args:
            sound: float32 (n,), 16 kHz, of one voice.
        """
        loud = math.sqrt(float(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
        if not loud > 0:
            return np.zeros(DIMENSION, np.float32)
        starts = part_starts(len(sound))
        missing = (starts[-1] + PART_FRAMES) * STEP - len(sound)
        padded = np.pad(sound * max(1.0, LOUDNESS / loud), (0, max(0, missing)))
        mel = mel_spectrogram(padded.astype(np.float32))
        parts = np.stack([mel[start : start + PART_FRAMES] for start in starts])
        mean = self._engine.run({"mel": parts})["embedding"].mean(axis=0)
        length = float(np.linalg.norm(mean))
        return np.asarray(mean / length if length > 0 else mean, np.float32)

    def close(self) -> None:
        """Free the model."""
        self._engine.close()


def part_starts(samples: int) -> list[int]:
    """Return the frames at which the parts of a sound begin, as Resemblyzer cuts them."""
    frames = math.ceil((samples + 1) / STEP)
    starts = list(range(0, max(1, frames - PART_FRAMES + PART_STEP + 1), PART_STEP))
    covered = (samples - starts[-1] * STEP) / (PART_FRAMES * STEP)
    return starts[:-1] if covered < LEAST_COVERED and len(starts) > 1 else starts
