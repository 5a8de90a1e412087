"""Sound to voices: the spectrogram as librosa makes it, parts as Resemblyzer cuts them."""

import numpy as np
import pytest

from engines.voice.encoder import VoiceEncoder, part_starts
from engines.voice.mel import mel_filters, mel_spectrogram
from engines.voice.speech import SpeechDetector

# librosa 0.11.0, melspectrogram(y=chirp(), sr=16000, n_fft=400, hop_length=160, n_mels=40)
LIBROSA = {
    0: [0.1789, 0.0344, 0.0009, 0.0002, 0, 0, 0, 0],
    12: [0, 0, 0, 0, 0, 0.48, 0, 0],
    25: [1e-4, 1e-4, 2e-4, 2e-4, 2e-4, 4e-4, 0.0017, 0.0037],
}


def chirp(samples: int = 4000) -> np.ndarray:
    t = np.arange(samples) / 16000
    return (0.2 * np.sin(2 * np.pi * (220 + 9000 * t) * t)).astype(np.float32)


def test_the_spectrogram_is_librosas() -> None:
    found = mel_spectrogram(chirp())
    assert found.shape == (26, 40)
    assert found.dtype == np.float32
    for row, wanted in LIBROSA.items():
        np.testing.assert_allclose(found[row, ::5], wanted, atol=6e-5)
    assert found.sum() == pytest.approx(103.37167, rel=1e-5)
    assert mel_filters().max() == pytest.approx(0.01333, rel=1e-3)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        (100, [0]),
        (25_600, [0]),  # 1.6 s; a second part would be half empty
        (32_000, [0, 77]),
        (48_000, [0, 77, 154]),
    ],
)
def test_parts_are_cut_as_resemblyzer_cuts_them(samples: int, starts: list[int]) -> None:
    assert part_starts(samples) == starts


def test_a_voice_is_a_unit_vector_however_loud_it_is() -> None:
    encoder = VoiceEncoder()
    rich = sum(np.sin(2 * np.pi * 140 * k * np.arange(32_000) / 16_000) / k for k in range(1, 20))
    quiet, quieter = ((rich * level).astype(np.float32) for level in (0.004, 0.001))
    first, second = encoder.embed(quiet), encoder.embed(quieter)
    assert first.shape == (256,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert not encoder.embed(np.zeros(32_000, np.float32)).any()
    assert not encoder.embed(np.zeros(0, np.float32)).any()
    encoder.close()


def test_speech_is_heard_the_same_in_pieces_of_any_length() -> None:
    detector, sound = SpeechDetector(), chirp(16_000)
    whole = detector.hear(sound)
    assert len(whole) == len(sound) // 512
    detector.reset()
    pieces = np.split(sound, [100, 611, 612, 9000])
    np.testing.assert_allclose(np.concatenate([detector.hear(p) for p in pieces]), whole, atol=1e-5)
    detector.reset()
    noise = np.random.default_rng(0).normal(0, 0.01, 32_000).astype(np.float32)
    assert detector.hear(noise).max() < 0.5
    detector.close()
