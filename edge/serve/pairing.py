"""Telephones: let in by a code that stands on the television, and only there.

A code has six digits, is good for two minutes and one telephone, and dies with its fifth wrong
guess. Twenty wrong guesses within an hour end pairing for that hour: whoever guesses has one
chance in 50,000 an hour. What a telephone then holds is a secret of its own: it opens `/phone` and
what belongs to it and nothing else, is kept as its hash, and is forgotten when the service ends.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CODE_S = 120.0
GUESSES = 5
GUESSES_AN_HOUR = 20
HOUR_S = 3600.0
AGAIN_S = 5.0
"""A new code is shown this seldom: nobody can make the screen flicker from afar."""
MOST_PHONES = 4
PAIRED_S = 12 * 3600.0


class Pairing:
    """Codes and the telephones that they let in; all calls come from the server's loop.

    Args:
        clock: seconds that go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._code = ""
        self._until = self._shown = float("-inf")
        self._guesses = 0
        self._wrong: deque[float] = deque(maxlen=GUESSES_AN_HOUR)
        self._phones: deque[tuple[bytes, float]] = deque(maxlen=MOST_PHONES)

    def show_code(self) -> str:
        """Return a new code for the screen; empty so soon after one, or after many guesses."""
        now = self._clock()
        if now - self._shown < AGAIN_S or self._is_closed(now):
            return ""
        self._code = f"{secrets.randbelow(10**6):06d}"
        self._shown, self._until, self._guesses = now, now + CODE_S, 0
        return self._code

    def redeem(self, code: str) -> str:
        """Return a telephone's secret for the code on the screen, empty for any other."""
        now = self._clock()
        if not self._code or now > self._until or self._is_closed(now):
            return ""
        if not hmac.compare_digest(code.encode(), self._code.encode()):
            self._guesses += 1
            self._wrong.append(now)
            if self._guesses >= GUESSES:
                self._code = ""
            return ""
        self._code = ""
        secret = secrets.token_urlsafe(24)
        self._phones.append((_hash(secret), now + PAIRED_S))
        return secret

    def knows(self, secret: str) -> bool:
        """Return whether this is a telephone that was let in."""
        now, given = self._clock(), _hash(secret)
        return any(hmac.compare_digest(given, kept) and now < end for kept, end in self._phones)

    def forget(self) -> None:
        """Let no telephone in any more that was."""
        self._phones.clear()
        self._code = ""

    def _is_closed(self, now: float) -> bool:
        return len(self._wrong) == GUESSES_AN_HOUR and now - self._wrong[0] < HOUR_S


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
