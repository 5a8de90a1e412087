"""How long to wait before the next connect.

A delay is random between 0 and the time that the connection has been gone (full jitter). Why not
base x 2^tries: tries that fail quickly while a broker restarts would send part of a herd far beyond
the end of the outage. Like this, everyone has tried again within one outage's length of its end,
and an overloaded broker still sees the tries thin out. `tools/reconnect_model.py` compares the two.
"""

from __future__ import annotations

import random

BASE_S = 1.0
CAP_S = 600.0
BRIEF_S = 10.0


class Backoff:
    """The delays of one link; times are of any one clock that only goes forward.

    Args:
        base_s: the first delay is up to this long.
        rng: spreads load and hides nothing.
    """

    def __init__(
        self, base_s: float = BASE_S, cap_s: float = CAP_S, rng: random.Random | None = None
    ) -> None:
        self.base_s, self._cap_s = base_s, cap_s
        self._rng = rng or random.Random()  # noqa: S311 - see above
        self._gone_s: float | None = None
        self._up_s: float | None = None
        self._top_s = 0.0
        self._brief = 0

    def up(self, now_s: float) -> None:
        """Note that the connection came up."""
        self._up_s = now_s

    def why_so_brief(self, now_s: float, name: str) -> str:
        """Return a hint for the log where connections end soon, one after the other.

        Brokers let the newest client of a name in, and drop the one before without saying so.
        """
        brief = self._up_s is not None and now_s - self._up_s < BRIEF_S
        self._brief = self._brief + 1 if brief else 0
        if self._brief < 2:
            return ""
        return f"; is another device called {name}? Each needs a name of its own"

    def next_s(self, now_s: float) -> float:
        """Return how long to wait, now that the connection was lost or not made.

        A connection that did not last as long as the last delay could have been does not count:
        a message that kills it each time must not be asked for in a tight loop.
        """
        if self._up_s is not None and now_s - self._up_s >= self._top_s:
            self._gone_s = None
        self._up_s = None
        if self._gone_s is None:
            self._gone_s = now_s
        self._top_s = min(self._cap_s, max(self.base_s, now_s - self._gone_s))
        return self._rng.uniform(0, self._top_s)
