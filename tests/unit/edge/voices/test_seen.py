"""A voice is taken from a film only while its person is surely seen, and seen to speak."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.recognise.cues.lips import LipWatch
from edge.recognise.evidence import TrackState
from edge.recognise.step import Step
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from edge.video.frame import Frame
from edge.video.source import SOUND_RATE, Sound
from edge.voices.seen import FilmSound, times_seen
from engines.align import ARCFACE_TEMPLATE_PX
from engines.scores.model import score_model

FPS, SIDE = 25, 112
SHEET = np.random.default_rng(0).integers(60, 190, (SIDE, SIDE, 3)).astype(np.uint8)
CALM = cv2.GaussianBlur(SHEET, (0, 0), 3)


def picture(number: int, *, speaks: bool) -> np.ndarray:
    bgr = CALM.copy()
    wide = 2 + 9 * (number * 7 % 5) / 4 if speaks else 4
    cv2.ellipse(bgr, (56, 92), (14, round(wide)), 0, 0, 360, (20, 20, 30), -1)
    return bgr


class Film:
    """Six seconds of one face, which speaks in some; each tenth of a second sounds like its number.

    Args:
        from_s, to_s: when its lips move.
    """

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.stats = SimpleNamespace(sound=())

    def pictures(self):
        for number in range(6 * FPS):
            pts_s = number / FPS
            tenths = range(int(pts_s * 10 + 1e-6) + 1)
            kept = self.stats.sound
            for at in tenths[len(kept) :]:
                level = np.full(SOUND_RATE // 10, (at + 1) / 100, np.float32)
                kept = (*kept, Sound(at / 10, level.tobytes()))
            self.stats.sound = kept
            yield Frame(picture(number, speaks=self.from_s <= pts_s < self.to_s), pts_s, number, 0)


class Namer:
    """Knows the only face, as somebody."""

    def __init__(self, sure: str | None) -> None:
        self.lips = LipWatch()
        box = np.array([0, 0, 80, 80], np.float32)
        template = TrackTemplate(score_model("sface-2021dec"))
        self.state = TrackState(Track(1, box, 0.0, 9.0, 0.9), template)
        self.state.sure_id = self.state.displayed_id = sure

    def process(self, frame: Frame) -> Step:
        self.lips.found({1: ARCFACE_TEMPLATE_PX}, frame.pts_s)
        self.lips.look(frame.pts_s, lambda: frame.bgr)
        return SimpleNamespace(shown=(self.state,))


class Talk:
    """All that is louder than nothing is speech."""

    def reset(self) -> None: ...

    def hear(self, sound: np.ndarray) -> np.ndarray:
        return (np.abs(sound[: len(sound) // 512 * 512]).reshape(-1, 512).max(1) > 0).astype("f4")


@pytest.mark.parametrize(
    ("sure", "from_s", "to_s", "taken"),
    [("ada", 0.0, 6.0, 2), ("ada", 2.0, 6.0, 1), ("ada", 9.0, 9.0, 0), (None, 0.0, 6.0, 0),
     ("lin", 0.0, 6.0, 0)],
)  # fmt: skip
def test_only_while_the_person_is_surely_seen_to_speak(
    sure: str | None, from_s: float, to_s: float, taken: int
) -> None:
    film = FilmSound(Film(from_s, to_s), 0.0, 6.0)
    ends_s = times_seen(Namer(sure), film.frames(), "ada")
    sound = film.spoken(ends_s, Talk())
    assert len(sound) >= taken * 2 * SOUND_RATE
    assert bool(len(sound)) == bool(taken)
    if taken:  # what was heard while they moved in half of two seconds or more, and nothing twice
        at_s = np.round(sound[:: SOUND_RATE // 10] * 100).astype(int) / 10
        assert at_s.min() >= from_s - 1
        assert len(set(at_s.tolist())) >= len(at_s) - len(sound) // SOUND_RATE
