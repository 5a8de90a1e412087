"""Mel spectrograms as Resemblyzer's network takes them: power, Slaney's scale, no logarithm."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000
"""Samples a second."""
WINDOW, STEP, MELS = 400, 160, 40
"""Samples of a window and between two; bands."""
_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
"""Slaney's scale: even up to 1 kHz, logarithmic above."""


def mel_spectrogram(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the power in each band, float32 (1 + n // 160, 40).

    Args:
        sound: float32 (n,), 16 kHz, -1 to 1.
    """
    padded = np.pad(sound.astype(np.float32), WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(power @ mel_filters().T, np.float32)


@cache
def mel_filters() -> NDArray[np.float32]:
    """Return the weights of each band, float32 (40, 201): triangles of the area of 1 Hz."""
    bins_hz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    edges_hz = _hz(np.linspace(0.0, _mel(RATE / 2), MELS + 2))
    rise = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    fall = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    triangles = np.clip(np.minimum(rise, fall), 0, None)
    return np.asarray(triangles * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None], np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), np.float32)


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    at_break = _BREAK_HZ / _LINEAR_HZ
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, at_break) - at_break))
    return np.where(mel < at_break, mel * _LINEAR_HZ, above)
