"""Listens to a source's sound: two seconds of one voice are compared with those enrolled."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge.recognise.cues.cue import Cue
from edge.video.source import SOUND_RATE
from edge.voices.scores import MOST_LLR, of_the_face, voice_llr
from engines.voice.speech import CHUNK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edge.recognise.cues.cue import CueBoard
    from edge.video.source import Sound

WINDOW_S, EVERY_S = 2.0, 1.0
"""A voice is compared by so much of it, so often."""
HOLDS_S = 1.0
"""So late may a comparison come; whom it speaks for was there when the voice began."""
SPEECH = 0.8
"""Windows whose mean probability of speech is lower are left out: laughter, applause, pauses."""
ONE_VOICE = 0.75
"""A window that is less like the one a second before, half of which it shares, is of two voices."""
GAP_S = 0.05
SURE_LLR = 3.0
"""From here on somebody is said to be heard."""
MOST_HEARD = 10_000
"""Times that are remembered, the newest: more than a film has, and a channel never ends."""


class Speech(Protocol):
    """Tells speech; `engines.voice.speech.SpeechDetector` is one."""

    def reset(self) -> None:
        """Forget what came before."""

    def hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech of each 512 samples, float32 (k,)."""


class Encoder(Protocol):
    """Compares voices; `engines.voice.encoder.VoiceEncoder` is one."""

    def embed(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a unit vector, float32 (d,), of sound, float32 (n,)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody who was heard, whether they were seen or not."""

    from_s: float
    to_s: float
    person: str


class VoiceListener:
    """Puts on the board whom voices are like; one thread uses it.

    Args:
        speech: tells speech from other sound.
        encoder: of voices.
        board: takes the cues.
        voices: unit vectors, float32 (d,), by person id.
    """

    def __init__(
        self,
        speech: Speech,
        encoder: Encoder,
        board: CueBoard,
        voices: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self._speech, self._encoder, self._board = speech, encoder, board
        self._people = sorted(voices)
        self._vectors = np.stack([voices[person] for person in self._people])
        self._last: Sound | None = None
        self.windows = 0
        self.heard: deque[Heard] = deque(maxlen=MOST_HEARD)
        self._reset(0.0)

    def hear(self, pieces: Sequence[Sound]) -> None:
        """Take the newest sound of a source; what was heard before is known by its piece."""
        last = self._last
        new = next((i + 1 for i, piece in enumerate(pieces) if piece is last), 0)
        for piece in pieces[new:]:
            self._last = piece
            self._take(piece.from_s, np.frombuffer(piece.samples, np.float32))

    def _reset(self, from_s: float) -> None:
        self._speech.reset()
        self._begin(from_s)

    def _begin(self, from_s: float) -> None:
        """Let a new voice begin."""
        self._sound = np.zeros(0, np.float32)
        self._probable = np.zeros(0, np.float32)
        self._to_s, self._due_s = from_s, from_s + WINDOW_S
        self._before: NDArray[np.float32] | None = None

    def _take(self, from_s: float, sound: NDArray[np.float32]) -> None:
        if abs(from_s - self._to_s) > GAP_S:
            self._reset(from_s)
        most = int(WINDOW_S * SOUND_RATE)
        self._probable = np.concatenate([self._probable, self._speech.hear(sound)])
        self._probable = self._probable[-(most // CHUNK) :]
        self._sound = np.concatenate([self._sound, sound])[-most:]
        self._to_s = from_s + len(sound) / SOUND_RATE
        if self._to_s >= self._due_s and len(self._sound) == most:
            self._due_s = self._to_s + EVERY_S
            self._compare()

    def _compare(self) -> None:
        """Compare the last two seconds, where they are speech of one voice."""
        if float(self._probable.mean()) <= SPEECH:
            self._before = None
            return
        vector = self._encoder.embed(self._sound)
        self.windows += 1
        before, self._before = self._before, vector
        if before is not None and float(before @ vector) < ONE_VOICE:
            return  # somebody else speaks now; half of this is the voice before
        from_s = self._to_s - WINDOW_S
        llr = {
            person: voice_llr(float(cosine))
            for person, cosine in zip(self._people, self._vectors @ vector, strict=True)
        }
        self._tell(from_s, llr)
        rounded = {person: round(of_the_face(one), 1) for person, one in llr.items()}
        self._board.put(Cue("voice", from_s, self._to_s + HOLDS_S, rounded, "speaking"))

    def _tell(self, from_s: float, llr: Mapping[str, float]) -> None:
        """Note who is surely heard: better than everybody else who is enrolled."""
        best = max(llr, key=lambda person: llr[person])
        rivals = [one for person, one in llr.items() if person != best]
        if llr[best] < SURE_LLR or max(rivals, default=-MOST_LLR) >= SURE_LLR:
            return
        last = self.heard[-1] if self.heard else None
        if last is not None and last.person == best and from_s <= last.to_s + WINDOW_S:
            self.heard[-1] = Heard(last.from_s, self._to_s, best)
        else:
            self.heard.append(Heard(from_s, self._to_s, best))
