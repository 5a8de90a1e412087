"""What the commands share: progress on stderr, one JSON object on stdout, clean ends by Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from gallery.channel.redact import redact
from gallery.os_errors import reason_of
from gallery.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress, Task
    from rich.text import Text


MOST_END_S = 4.5
"""For a clean end; what is on the disk is made to be cut off at any moment."""


class _LazyConsole:
    """A console of rich, loaded when something is first printed: the service prints nothing."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr
        self._console: Console | None = None

    def load(self) -> Console:
        if self._console is None:
            self._console = _plain_console(stderr=self._stderr)
        return self._console

    def __getattr__(self, name: str) -> Any:
        return getattr(self.load(), name)


def _plain_console(*, stderr: bool) -> Console:
    """Return a console that takes no text for markup, and shows control characters written out."""
    from rich.console import Console  # noqa: PLC0415

    class PlainConsole(Console):
        """Every text that is printed, and every cell of a table, comes through here."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(shown(text, keep="\n"), **options)

    return PlainConsole(stderr=stderr, highlight=False, markup=False, emoji=False)


def tell_error(error: Exception) -> None:
    """Print the one line that an error ends a command with."""
    from rich.text import Text  # noqa: PLC0415

    text = reason_of(error) if isinstance(error, OSError) else str(error)
    err.print(Text.assemble(("error:", "red"), " ", shown(redact(text), keep="\n")), soft_wrap=True)


_out, _err = _LazyConsole(stderr=False), _LazyConsole(stderr=True)
out: Console = _out  # type: ignore[assignment]
err: Console = _err  # type: ignore[assignment]
MAX_WARNINGS = 20


def progress_bar(unit: str) -> Progress:
    """Return a progress display on stderr with rate and time left."""
    from rich import progress  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class RateColumn(progress.ProgressColumn):
        """Steps per second, e.g. `48.2 frames/s`."""

        def render(self, task: Task) -> Text:
            """Return the rate of a task."""
            rate = task.finished_speed or task.speed
            return Text("" if rate is None else f"{rate:.1f} {unit}/s", style="cyan")

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        RateColumn(),
        progress.TimeRemainingColumn(),
        console=_err.load(),
        transient=True,
    )


def warn_of(texts: Sequence[str]) -> None:
    """Write warnings to stderr, the first twenty of them and how many more there are."""
    for text in texts[:MAX_WARNINGS]:
        err.print(f"warning: {text}", markup=False)
    if len(texts) > MAX_WARNINGS:
        err.print(f"warning: and {len(texts) - MAX_WARNINGS} more")


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
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a flag; the second one ends at once.

    Whoever ends a service waits for it: after SIGTERM or SIGHUP the kernel ends the process when
    it has not ended itself in `MOST_END_S`. A SIGHUP that was ignored (nohup) stays so.
    """
    flag = StopFlag()

    def stop(number: int, _frame: object) -> None:
        if flag.stopped:
            raise KeyboardInterrupt
        flag.stopped = True
        if number != signal.SIGINT:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, MOST_END_S)

    before = {
        s: signal.signal(s, stop)
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(s) is not signal.SIG_IGN
    }
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def counted(count: int, one: str, more: str = "") -> str:
    """Return a number of things in words: `1 frame`, `2 frames`, `3 people`."""
    return f"{count} {one if count == 1 else more or one + 's'}"
