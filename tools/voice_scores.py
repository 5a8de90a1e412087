"""What cosines of voices say: a logistic line through those of one and of two speakers.

    python tools/voice_scores.py SPEAKERS... [--same PAIRS.csv] [--keep FILE.npz]

SPEAKERS has a folder of recordings for each speaker. The first half of each one's recordings enrols
(20 s at most), the others are compared with all speakers of the same folder, two seconds at a time.
Of the speakers of all folders, ordered by name, every second one teaches the line, and the others
tell what it is worth, with and without AS-norm (whose cohort are those who teach).
`--same` has pairs of names that are one speaker, who are not compared. `--keep` writes what the
others' cosines are, for `evaluate_weak_faces.py --voices`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pairs import same_people

from edge.errors import SourceError
from edge.video.source import SOUND_RATE
from edge.voices.enrol import sound_of
from edge.voices.listening import CHUNK, SPEECH, WINDOW_S
from edge.voices.scores import voice_llr
from engines.voice.encoder import VoiceEncoder
from engines.voice.speech import SpeechDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

ENROLLED_S = 20.0
Vectors = "NDArray[np.float32]"
Score = "Callable[[Vectors, Vectors], Vectors]"


class Speakers:
    """What one folder of speakers gives: their voices, and windows of other recordings of them."""

    def __init__(self, enrolled: dict[str, Vectors], tested: dict[str, Vectors]) -> None:
        self.enrolled, self.tested = enrolled, tested

    def only(self, names: Sequence[str]) -> Speakers:
        """Return some of them."""
        kept = [name for name in self.enrolled if name in names]
        return Speakers({n: self.enrolled[n] for n in kept}, {n: self.tested[n] for n in kept})

    def scores(self, same: set[frozenset[str]], score: Score) -> tuple[Vectors, Vectors]:
        """Return the scores of one speaker, and of two."""
        genuine, impostor = [np.zeros(0)], [np.zeros(0)]
        for a, windows in self.tested.items():
            for b, voice in self.enrolled.items():
                if frozenset({a, b}) not in same:
                    (genuine if a == b else impostor).append(score(voice, windows))
        return np.concatenate(genuine), np.concatenate(impostor)


def windows_of(path: Path, speech: SpeechDetector, encoder: VoiceEncoder) -> list[Vectors]:
    """Return the voice in each two seconds of speech of a file, a second apart."""
    count, step = int(WINDOW_S * SOUND_RATE), SOUND_RATE
    try:
        sound = sound_of(path)
    except SourceError:
        return []
    speech.reset()
    probable = speech.hear(sound)
    return [
        encoder.embed(sound[start : start + count])
        for start in range(0, len(sound) - count + 1, step)
        if probable[start // CHUNK : (start + count) // CHUNK].mean() > SPEECH
    ]


def speakers_of(folder: Path, most: int, speech: SpeechDetector, encoder: VoiceEncoder) -> Speakers:
    """Return the speakers of a folder who have two recordings at least with speech."""
    enrolled, tested = {}, {}
    for person in sorted(f for f in folder.iterdir() if f.is_dir()):
        files = (f for f in person.rglob("*") if f.is_file())
        found: list[list[Vectors]] = []
        for path in sorted(files, key=lambda f: -f.stat().st_size):
            found += [w for w in (windows_of(path, speech, encoder),) if w]
            if sum(map(len, found)) >= most:
                break
        if len(found) < 2:
            continue
        first, last = found[0::2], found[1::2]  # of other recordings
        voice = np.concatenate([np.stack(one) for one in first])[: int(ENROLLED_S)].mean(axis=0)
        enrolled[person.name] = voice / np.linalg.norm(voice)
        tested[person.name] = np.concatenate([np.stack(one) for one in last])
    return Speakers(enrolled, tested)


def cosine(voice: Vectors, windows: Vectors) -> Vectors:
    """Return the cosines of windows with a voice."""
    return windows @ voice


def normed(cohort: Vectors) -> Score:
    """Return AS-norm: a score beside those of the most alike half of a cohort, from both sides."""
    top = max(2, len(cohort) // 2)

    def score(voice: Vectors, windows: Vectors) -> Vectors:
        around = np.sort(cohort @ voice)[-top:]
        theirs = np.sort(windows @ cohort.T, axis=1)[:, -top:]
        own = windows @ voice
        far = (own - theirs.mean(axis=1)) / theirs.std(axis=1)
        return np.asarray(((own - around.mean()) / around.std() + far) / 2)

    return score


def logistic(genuine: Vectors, impostor: Vectors) -> tuple[float, float]:
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


def equal_error(genuine: Vectors, impostor: Vectors) -> float:
    """Return the rate at which both errors are the same."""
    cuts = np.sort(np.concatenate([genuine, impostor]))
    return float(min(max((genuine < c).mean(), (impostor >= c).mean()) for c in cuts))


def cost_bits(genuine: Vectors, impostor: Vectors, llr: Callable[[float], float]) -> float:
    """Return Cllr: what ratios are worth, 0 for an oracle, 1 for knowing nothing."""
    right = np.array([llr(float(c)) for c in genuine])
    wrong = np.array([llr(float(c)) for c in impostor])
    return float((np.log2(1 + np.exp(-right)).mean() + np.log2(1 + np.exp(wrong)).mean()) / 2)


def tell(kind: str, scores: Vectors) -> None:
    """Print how scores lie."""
    low, high = np.quantile(scores, [0.01, 0.99])
    print(f"| {kind} | {len(scores)} | {scores.mean():.3f} | {scores.std():.3f} ", end="")
    print(f"| {low:.3f} | {high:.3f} |")


def pooled(
    folders: list[Speakers], same: set[frozenset[str]], score: Score
) -> tuple[Vectors, Vectors]:
    """Return the scores of all folders, each compared within itself."""
    both = [folder.scores(same, score) for folder in folders]
    return np.concatenate([g for g, _ in both]), np.concatenate([i for _, i in both])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speakers", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=120, help="windows of each speaker")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    same = same_people(asked.same)
    speech, encoder = SpeechDetector(), VoiceEncoder()
    folders = [speakers_of(folder, asked.most, speech, encoder) for folder in asked.speakers]
    names = [sorted(folder.enrolled) for folder in folders]
    teach = [f.only(n[0::2]) for f, n in zip(folders, names, strict=True)]
    rest = [f.only(n[1::2]) for f, n in zip(folders, names, strict=True)]
    print("| | scores | mean | deviation | 1 % | 99 % |")
    print(f"|{'---|' * 6}")
    for who, some in (("teach", teach), ("others", rest)):
        for kind, scores in zip(("one", "two"), pooled(some, same, cosine), strict=True):
            tell(f"{who}, {kind} speaker{'s' * (kind == 'two')}", scores)
    slope, offset = logistic(*pooled(teach, same, cosine))
    print(f"log-likelihood ratio = {slope:.1f} * cosine {offset:+.1f}")
    genuine, impostor = pooled(rest, same, cosine)
    found = cost_bits(genuine, impostor, voice_llr)
    print(f"the others: equal error rate {equal_error(genuine, impostor):.2%}, ", end="")
    print(f"cost of the line in use {found:.3f} bits")
    cohort = np.stack([voice for some in teach for voice in some.enrolled.values()])
    print(f"with AS-norm: {equal_error(*pooled(rest, same, normed(cohort))):.2%}")
    for folder, some in zip(asked.speakers, rest, strict=True):
        if len(some.enrolled) > 1:
            error = equal_error(*some.scores(same, cosine))
            print(f"{folder.name}: {len(some.enrolled)} of the others, {error:.2%}")
    if asked.keep is not None:
        np.savez(asked.keep, **kept_cosines(rest[0], same))


def kept_cosines(speakers: Speakers, same: set[frozenset[str]]) -> dict[str, NDArray[np.generic]]:
    """Return whose voice each window is, and its cosines with all, NaN where it is not told."""
    names = sorted(speakers.enrolled)
    whose = [name for name in names for _ in speakers.tested[name]]
    rows = np.concatenate(
        [speakers.tested[n] @ np.stack([speakers.enrolled[m] for m in names]).T for n in names]
    )
    unknown = np.array([[frozenset({n, m}) in same for m in names] for n in whose])
    return {
        "names": np.array(names),
        "whose": np.array(whose),
        "cosines": np.where(unknown, np.nan, rows),
    }


if __name__ == "__main__":
    main()
