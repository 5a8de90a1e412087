"""By what bytes a voice that was spoken is known in what a process writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.testbed.spoken import pcm_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP, _BYTES = 512, 32


def traces_of(sound: NDArray[np.float32], voice: bytes) -> tuple[tuple[bytes, str], ...]:
    """Return bytes that may stand in nothing that is written or sent, and what each is of.

    Args:
        sound: that is spoken.
        voice: what was enrolled of it.
    """
    heard = [
        (kind[at * width : at * width + _BYTES], "sound")
        for kind, width in ((sound.tobytes(), 4), (pcm_of(sound).tobytes(), 2))
        for at in range(0, len(sound) - _BYTES, _STEP)
        if np.abs(sound[at : at + _BYTES // 4]).max() > 0.02
    ]
    prints = [(voice[at : at + _BYTES], "voiceprint") for at in range(0, len(voice), _BYTES)]
    return (*heard, *((part, what) for part, what in prints if any(part)))
