"""The log holds this many lines a second and kind; a record is one line of plain characters."""

import logging
from collections.abc import Iterator

import pytest

from edge.logs import BURST, BURST_IN_ALL, KINDS, Bounded, Plain


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(Plain("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, Kept, Clock]]:
    clock, kept, logger = Clock(), Kept(), logging.getLogger("bounded")
    kept.addFilter(Bounded(clock))
    logger.addHandler(kept)
    logger.propagate = False
    yield logger, kept, clock
    logger.removeHandler(kept)


def test_a_flood_of_one_kind_is_withheld_and_counted(log: tuple) -> None:
    logger, kept, clock = log
    for n in range(100_000):
        clock.now_s += 0.00001
        logger.warning("no descriptor: %d", n)
    assert len(kept.lines) == BURST
    logger.warning("something else")
    assert kept.lines[-1] == "WARNING bounded: something else"
    clock.now_s += 10
    logger.warning("no descriptor: %d", 0)
    assert kept.lines[-1].endswith(
        f"no descriptor: 0 ({100_000 - BURST} more like it were withheld)"
    )


def test_a_flood_of_many_kinds_is_withheld_too(log: tuple) -> None:
    logger, kept, clock = log
    for n in range(20_000):
        clock.now_s += 0.0001
        logger.warning(f"kind {n}")  # noqa: G004
    assert len(kept.lines) <= BURST_IN_ALL + 2 * 20 + 1
    assert len(kept.filters[0]._kinds) <= KINDS


def test_a_record_is_one_line_whatever_it_is_about(log: tuple) -> None:
    logger, kept, _ = log
    logger.warning("refused %s", "x\nERROR root: forged\x1b[2J\u202e")
    assert kept.lines == [r"WARNING bounded: refused x\x0aERROR root: forged\x1b[2J\u202e"]
    logger.error("it failed", exc_info=ValueError("\x1b]0;title\x07"))
    assert "\x1b" not in kept.lines[-1]
    assert r"ValueError: \x1b]0;title\x07" in kept.lines[-1]
