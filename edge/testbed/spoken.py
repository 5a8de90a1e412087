"""A voice that is made, of pulses and the resonances of vowels: nobody's has to come with tvradar.

Silero VAD takes it for speech, and the encoder for one voice.
"""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np

from edge.testbed.remux import dated
from edge.video.source import SOUND_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Codec = Literal["pcm_s16le", "mp2"]
VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
BANDS_HZ = (80, 100, 150)
PITCH_HZ = 120.0
SPOKEN_S = 8.0
SAID_AGAIN_S = 3600.0
"""A longer film is silent from here on."""
PIECE = 576
"""Samples that MPEG audio of this rate is coded by."""


def speech(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Return vowels of one voice, one after the other, float32 (n,), 16 kHz, 16 bits deep."""
    random, parts, count = np.random.default_rng(seed), [np.zeros(0)], 0
    while count < seconds * SOUND_RATE:
        length = int(random.uniform(0.12, 0.25) * SOUND_RATE)
        place = np.arange(length)
        sway = 1 + 0.1 * np.sin(place / SOUND_RATE * 6 * np.pi) + random.uniform(-0.1, 0.1)
        pulses = np.diff(np.floor(np.cumsum(PITCH_HZ * sway / SOUND_RATE)), prepend=0.0)
        sound = np.convolve(pulses, np.exp(-np.arange(60) / 12.0), "same")
        sound += random.normal(0, 0.01, length)
        vowel = VOWELS_HZ[int(random.integers(len(VOWELS_HZ)))]
        for centre_hz, band_hz in zip(vowel, BANDS_HZ, strict=True):
            sound = np.convolve(sound, _ringing(centre_hz, band_hz))[:length]
        sound *= np.clip(np.minimum(place, length - place) / (0.03 * SOUND_RATE), 0, 1)
        pause = random.normal(0, 0.02, int(random.uniform(0.02, 0.06) * SOUND_RATE))
        parts += [0.4 * sound / np.abs(sound).max(), 0.4 * pause]
        count += length
    whole = np.concatenate(parts)[: int(seconds * SOUND_RATE)]
    return np.asarray(np.round(whole * 32767) / 32768 + 0.0, np.float32)  # no zero below zero


def write_wav(path: Path, sound: NDArray[np.float32]) -> None:
    """Write a sound, float32 (n,), 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
        file.writeframes(pcm_of(sound).tobytes())


def with_sound(
    film: Path, target: Path, sound: NDArray[np.float32], codec: Codec = "pcm_s16le"
) -> None:
    """Write a film again with a sound, said over and over, in place of its own.

    Args:
        film: with pictures, and subtitles or none.
        target: a Matroska file.
        sound: float32 (n,), 16 kHz.
        codec: a transport stream can hold `mp2`.
    """
    samples, at = pcm_of(sound), 0
    with av.open(str(film)) as source, av.open(str(target), "w", format="matroska") as made:
        taken = [one for one in source.streams if one.type in {"video", "subtitle"}]
        tracks: dict[int, Any] = {s.index: made.add_stream_from_template(s) for s in taken}
        track: Any = made.add_stream(codec, rate=SOUND_RATE, layout="mono")
        for packet in dated(source.demux(taken)):
            until_s = min(float(packet.dts * (packet.time_base or 0)) + 1, SAID_AGAIN_S)
            while at < until_s * SOUND_RATE:
                piece = np.take(samples, range(at, at + PIECE), mode="wrap")
                frame = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, _TICK
                made.mux(track.encode(frame))
                at += PIECE
            packet.stream = tracks[packet.stream.index]
            made.mux(packet)
        made.mux(track.encode(None))


_TICK = Fraction(1, SOUND_RATE)


def pcm_of(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return a sound, float32 (n,), -1 to 1, in 16 bits, int16 (n,)."""
    return np.asarray(np.round(sound * 32768), np.int16)


def _ringing(centre_hz: float, band_hz: float) -> NDArray[np.float64]:
    """Return the answer of a resonance to a pulse."""
    place = np.arange(int(0.04 * SOUND_RATE)) / SOUND_RATE
    return np.exp(-np.pi * band_hz * place) * np.sin(2 * np.pi * centre_hz * place)
