"""What the commands share: progress on stderr, one JSON object on stdout, clean ends by Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Task

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class RateColumn(ProgressColumn):
    """Steps per second, e.g. `48.2 frames/s`."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate of a task."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:.1f} {self._unit}/s", style="cyan")


def progress_bar(unit: str) -> Progress:
    """Return a progress display on stderr with rate and time left."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )


def print_json(value: Any) -> None:
    """Write one JSON object and a newline to stdout."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


class StopFlag:
    """True once the user has asked to stop."""

    def __init__(self) -> None:
        self.stopped = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.stopped


@contextmanager
def graceful_stop() -> Iterator[StopFlag]:
    """Turn the first Ctrl-C or SIGTERM into a flag; the second one ends the program at once."""
    flag = StopFlag()

    def stop(_signal: int, _frame: object) -> None:
        if flag.stopped:
            raise KeyboardInterrupt
        flag.stopped = True

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
