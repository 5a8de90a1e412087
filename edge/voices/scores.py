"""What the cosine of two voices says: a logistic line, as far as it was measured."""

from __future__ import annotations

import math

SLOPE, OFFSET = 42.4, -31.6
"""Learned by `tools/voice_scores.py` from 18 speakers, and measured on 18 others (docs/cues.md)."""
MOST_LLR = 4.0
"""No voice says more, for or against: five speakers know nothing of one in a thousand, nor of
impersonators, of whom a fifth to a third are taken for the person."""
THE_FACE_SPEAKS = 0.5
"""A voice is taken to be of the only face in the picture so often; an assumption. Whether its lips
move is not looked at."""


def voice_llr(cosine: float) -> float:
    """Return the log-likelihood ratio of a voice being somebody's, 0 where there is no score."""
    llr = SLOPE * cosine + OFFSET
    return 0.0 if math.isnan(llr) else min(max(llr, -MOST_LLR), MOST_LLR)


def of_the_face(llr: float) -> float:
    """Return what a voice says of the only face in the picture, who may as well be silent."""
    return math.log(THE_FACE_SPEAKS * math.exp(llr) + 1 - THE_FACE_SPEAKS)
