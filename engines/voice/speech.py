"""Is it speech: Silero's voice activity detector, a probability for each 32 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTOR = "silerovad"
CHUNK, BEFORE = 512, 64
"""Samples that one probability is of, and of those before that the network is given again."""
STATE = (1, 1, 128)


class SpeechDetector:
    """Hears a stream; one thread uses it.

    Raises:
        ModelMissingError: the file is not in the cache and cannot be fetched.
    """

    def __init__(self) -> None:
        self._engine = OnnxRuntimeEngine(fetch(DETECTOR), threads=1)
        self.reset()

    def reset(self) -> None:
        """Forget what came before, as after a jump of the clock."""
        self._left = np.zeros(BEFORE, np.float32)
        self._h, self._c = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)

    def hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech of each 512 samples that are whole by now.

        Args:
            sound: float32 (n,), 16 kHz, that follows what came before.
        """
        known = np.concatenate([self._left, sound.astype(np.float32)])
        count = (len(known) - BEFORE) // CHUNK
        self._left = known[count * CHUNK :]
        if not count:
            return np.zeros(0, np.float32)
        views = np.lib.stride_tricks.sliding_window_view(known, CHUNK + BEFORE)
        inputs = np.ascontiguousarray(views[: count * CHUNK : CHUNK])
        found = self._engine.run({"input": inputs, "h": self._h, "c": self._c})
        self._h, self._c = found["hn"], found["cn"]
        return np.asarray(found["speech_probs"], np.float32)

    def close(self) -> None:
        """Free the model."""
        self._engine.close()
