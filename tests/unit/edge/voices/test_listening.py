"""What is heard becomes a cue only after two seconds of one voice, for whoever speaks."""

import numpy as np
import pytest

from edge.errors import SourceError
from edge.recognise.cues.cue import CueBoard
from edge.video.source import SOUND_RATE, Sound
from edge.voices.enrol import voice_of
from edge.voices.listening import VoiceListener
from edge.voices.scores import MOST_LLR, of_the_face, voice_llr

PIECE = SOUND_RATE // 10


class Levels:
    """Speech is what is louder than silence; a voice is its level, one of eight."""

    def __init__(self) -> None:
        self.left = np.zeros(0, np.float32)

    def reset(self) -> None:
        self.left = np.zeros(0, np.float32)

    def hear(self, sound: np.ndarray) -> np.ndarray:
        known = np.concatenate([self.left, sound])
        count = len(known) // 512
        self.left = known[count * 512 :]
        return (known[: count * 512].reshape(count, 512).max(axis=1) > 0).astype(np.float32)

    def embed(self, sound: np.ndarray) -> np.ndarray:
        share = np.bincount((sound * 10).round().astype(int), minlength=8)[:8].astype(np.float32)
        return share / np.linalg.norm(share)


def heard(levels: list[float], begin_s: float = 0.0) -> list[Sound]:
    """Return a tenth of a second for each level."""
    return [
        Sound(begin_s + i / 10, np.full(PIECE, level, np.float32).tobytes())
        for i, level in enumerate(levels)
    ]


def listener(kinds: frozenset = frozenset({"voice"})) -> tuple[VoiceListener, CueBoard]:
    board, voices = CueBoard(kinds), np.eye(8, dtype=np.float32)
    return VoiceListener(Levels(), Levels(), board, {"ada": voices[1], "lin": voices[2]}), board


def test_two_seconds_of_a_voice_speak_for_whose_it_is() -> None:
    ear, board = listener()
    ear.hear(heard([0.1] * 19))
    assert not board.at(1.9)
    assert not ear.heard
    pieces = heard([0.1] * 40)
    ear, board = listener()
    for count in range(1, 41):
        ear.hear(pieces[:count])
    (cue, *_) = board.at(2.0)
    assert (cue.kind, cue.speaks_for) == ("voice", "speaking")
    assert (cue.from_s, cue.to_s) == (pytest.approx(0.0, abs=0.01), pytest.approx(3.0, abs=0.01))
    assert cue.llr["ada"] > 1
    assert cue.llr["lin"] < 0
    (said,) = ear.heard
    assert (said.person, said.from_s) == ("ada", pytest.approx(0.0, abs=0.01))
    assert said.to_s == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(
    "levels",
    [
        [0.0] * 60,
        ([0.1] * 10 + [0.0] * 6) * 4,  # laughter: speech for less than the time
        ([0.1] * 14 + [0.0] * 26) * 2,
    ],
)
def test_silence_and_what_is_hardly_speech_are_not_compared(levels: list[float]) -> None:
    ear, board = listener()
    ear.hear(heard(levels))
    assert not ear.windows
    assert not any(board.at(t / 10) for t in range(80))


def test_a_jump_of_the_clock_begins_anew() -> None:
    ear, _ = listener()
    ear.hear(heard([0.1] * 15))
    ear.hear(heard([0.1] * 15, begin_s=60.0))
    assert not ear.windows


def test_two_voices_in_turn_are_nobodys_until_one_stays() -> None:
    ear, board = listener()
    ear.hear(heard([0.1] * 20 + [0.2] * 10))
    assert ear.windows == 2
    (cue,) = board.at(2.0)  # the second window is half ada, half lin, and tells of neither
    assert cue.llr["ada"] > 0
    ear, board = listener()
    ear.hear(heard([0.1] * 20 + [0.2] * 30))
    assert [h.person for h in ear.heard] == ["ada", "lin"]


def test_what_a_voice_says_is_bounded_and_less_for_a_face_that_may_be_silent() -> None:
    cosines = np.linspace(-1, 1, 41)
    said = [voice_llr(float(c)) for c in cosines]
    assert said == sorted(said)
    assert max(map(abs, said)) <= MOST_LLR
    faces = [of_the_face(one) for one in said]
    assert min(faces) > -0.7
    assert all(abs(face) <= abs(one) + 1e-9 for face, one in zip(faces, said, strict=True))
    assert voice_llr(float("nan")) == 0


def sound(levels: list[float]) -> np.ndarray:
    return np.repeat(np.array(levels, np.float32), 2 * SOUND_RATE)


def test_a_voice_is_enrolled_of_what_is_speech_and_of_one_person() -> None:
    found = voice_of("f", sound([0.1, 0.0, 0.1, 0.1, 0.2, 0.1]), Levels(), Levels())
    assert found.speech_s == 8.0
    np.testing.assert_allclose(found.vector, np.eye(8)[1], atol=1e-6)
    with pytest.raises(SourceError, match="4 s of speech"):
        voice_of("f", sound([0.1, 0.1, 0.0, 0.0]), Levels(), Levels())
    with pytest.raises(SourceError, match="more than one voice"):
        voice_of("f", sound([0.1, 0.2, 0.1, 0.2]), Levels(), Levels())
