"""What cosines of voices say: a logistic line through those of one and of two speakers.

    python tools/voice_scores.py SPEAKERS

SPEAKERS has a folder of recordings for each speaker. Half of each one's speech enrols (20 s at
most), the other half is compared with everybody, two seconds at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edge.errors import SourceError
from edge.video.source import SOUND_RATE
from edge.voices.enrol import sound_of
from edge.voices.listening import CHUNK, SPEECH, WINDOW_S
from engines.voice.encoder import VoiceEncoder
from engines.voice.speech import SpeechDetector

ENROLLED_S = 20.0


def windows_of(
    folder: Path, most: int, speech: SpeechDetector, encoder: VoiceEncoder
) -> np.ndarray:
    """Return the voice in each two seconds of speech of a folder's longest files, (n, 256)."""
    found, count = [], int(WINDOW_S * SOUND_RATE)
    files = sorted((f for f in folder.rglob("*") if f.is_file()), key=lambda f: -f.stat().st_size)
    for path in files:
        try:
            sound = sound_of(path)
        except SourceError:
            continue
        speech.reset()
        probable = speech.hear(sound)
        found += [
            encoder.embed(sound[start : start + count])
            for start in range(0, len(sound) - count + 1, count)
            if probable[start // CHUNK : (start + count) // CHUNK].mean() > SPEECH
        ]
        if len(found) >= most:
            break
    return np.stack(found[:most])


def logistic(genuine: np.ndarray, impostor: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of the log-likelihood ratio; both kinds weigh the same."""
    x = np.concatenate([genuine, impostor])
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(y == 1, 0.5 / len(genuine), 0.5 / len(impostor))
    design, line = np.stack([x, np.ones_like(x)], 1), np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ line))
        ridge = np.diag([1e-5, 0.0])
        slope = design.T @ (weight * (p - y)) + ridge @ line
        curve = (design * (weight * p * (1 - p))[:, None]).T @ design + ridge
        line -= np.linalg.solve(curve, slope)
    return float(line[0]), float(line[1])


def equal_error(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Return the rate at which both errors are the same."""
    cuts = np.sort(np.concatenate([genuine, impostor]))
    return float(min(max((genuine < c).mean(), (impostor >= c).mean()) for c in cuts))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speakers", type=Path)
    parser.add_argument("--most", type=int, default=80, help="windows of each speaker")
    asked = parser.parse_args()
    speech, encoder = SpeechDetector(), VoiceEncoder()
    enrolled, tested = {}, {}
    for folder in sorted(f for f in asked.speakers.iterdir() if f.is_dir()):
        windows = windows_of(folder, asked.most, speech, encoder)
        half = len(windows) // 2
        mean = windows[:half][: int(ENROLLED_S / WINDOW_S)].mean(axis=0)
        enrolled[folder.name] = mean / np.linalg.norm(mean)
        tested[folder.name] = windows[half:]
        print(f"{folder.name}: {len(windows)} windows")
    genuine = np.concatenate([tested[name] @ enrolled[name] for name in tested])
    impostor = np.concatenate([tested[a] @ enrolled[b] for a in tested for b in tested if a != b])
    for kind, scores in (("one speaker", genuine), ("two speakers", impostor)):
        low, high = np.quantile(scores, [0.01, 0.99])
        print(f"{kind}: {len(scores)} cosines, mean {scores.mean():.3f}, ", end="")
        print(f"deviation {scores.std():.3f}, 1 % {low:.3f}, 99 % {high:.3f}")
    slope, offset = logistic(genuine, impostor)
    print(f"equal error rate {equal_error(genuine, impostor):.2%}")
    print(f"log-likelihood ratio = {slope:.1f} * cosine {offset:+.1f}")


if __name__ == "__main__":
    main()
