"""Voices of speakers who are not the people seen, composed for `evaluate_weak_faces.py`.

Faces and voices are both real, but not of the same people. As many of the enrolled people as there
are speakers have a voice enrolled, drawn for each track; what is heard are two seconds of another
recording of one speaker, compared with all of them (`voice_scores.py --keep`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.cues.cue import Evidence
from edge.voices.scores import of_the_face, voice_llr

if TYPE_CHECKING:
    from pathlib import Path


class ComposedVoices:
    """Says what a voice tells of people.

    Args:
        path: written by `voice_scores.py --keep`.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path) as kept:
            names = [str(name) for name in kept["names"]]
            self._cosines = kept["cosines"]
            self._whose = np.array([names.index(str(name)) for name in kept["whose"]])
        self.speakers = len(names)

    def heard(self, told: str, names: list[str], random: np.random.Generator) -> Evidence:
        """Return what one window of the voice that is enrolled as `told`'s says, as `run` puts it.

        Args:
            told: whose voice it is.
            names: of all who are enrolled.
            random: draws the speaker, the window, and who else has a voice.
        """
        others = [name for name in names if name != told]
        people = [str(name) for name in random.choice(others, self.speakers, replace=False)]
        speaker = int(random.integers(self.speakers))
        people[speaker] = told
        window = int(random.choice(np.flatnonzero(self._whose == speaker)))
        llr = {
            person: round(of_the_face(voice_llr(float(cosine))), 1)
            for person, cosine in zip(people, self._cosines[window], strict=True)
            if not np.isnan(cosine)
        }
        return Evidence("voice", llr)
