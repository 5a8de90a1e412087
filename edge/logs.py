"""The log: one line per record in plain characters, and few lines of one kind in a second.

What fails a thousand times a second would fill the journal, and take the processor from what still
works: 97,577 lines came of one `accept` without descriptors.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gallery.channel.redact import redact
from gallery.texts import shown

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 10
"""Lines of one kind at once: of one logger, one level, one message before its values are put in."""
PER_S = 0.2
KINDS = 256
BURST_IN_ALL = 200
PER_S_IN_ALL = 20.0


@dataclass
class _Tokens:
    left: float
    at_s: float
    withheld: int = 0

    def spend(self, now_s: float, per_s: float, most: float) -> bool:
        self.left = min(most, self.left + (now_s - self.at_s) * per_s)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Bounded(logging.Filter):
    """Withholds what is logged too often; the next line of its kind says how many were withheld.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], _Tokens] = {}
        self._all = _Tokens(BURST_IN_ALL, clock())

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        now_s = self._clock()
        kind = (record.name, record.levelno, str(record.msg)[:200])
        tokens = self._kinds.pop(kind, None) or _Tokens(BURST, now_s)
        self._kinds[kind] = tokens  # the newest last
        if len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]
        if not (
            tokens.spend(now_s, PER_S, BURST) and self._all.spend(now_s, PER_S_IN_ALL, BURST_IN_ALL)
        ):
            tokens.withheld += 1
            return False
        if tokens.withheld:
            record.msg = f"{record.getMessage()} ({tokens.withheld} more like it were withheld)"
            record.args = None
            tokens.withheld = 0
        return True


class Plain(logging.Formatter):
    """Escapes control characters, so that no record starts a new line; hides passwords."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the record's one line."""
        return shown(redact(super().formatMessage(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802
        """Return a traceback, of many lines."""
        return shown(redact(super().formatException(ei)), keep="\n")  # type: ignore[arg-type]


def set_up_logs(level: int) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Bounded())
    logging.basicConfig(level=level, handlers=[handler])
