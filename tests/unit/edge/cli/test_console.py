"""What the console prints is text: no markup of others, no escape, no turned line."""

import errno
import io
import os

import pytest
from rich.table import Table

from edge.cli.console import _plain_console, tell_error
from edge.errors import EdgeError

EVIL = "[/b][red]x\x1b[2J\x1b]0;t\x07\u202eRTL :smile:"
SEEN = r"[/b][red]x\x1b[2J\x1b]0;t\x07\u202eRTL :smile:"


def printed(value: object) -> str:
    console = _plain_console(stderr=False)
    console.file = io.StringIO()
    console.width = 200
    console.print(value)
    return console.file.getvalue()


def test_texts_and_cells_are_shown_as_they_are() -> None:
    assert printed(EVIL) == SEEN + "\n"
    table = Table("person", title=EVIL)
    table.add_row(EVIL)
    for line in (printed(table), printed({"name": EVIL})):
        assert "\x1b" not in line
        assert "\u202e" not in line
    assert printed(table).count(SEEN) == 2


def test_errors_are_one_line_whatever_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    tell_error(EdgeError(f"{EVIL}: refused"))
    tell_error(OSError(errno.EROFS, os.strerror(errno.EROFS), f"/mnt/{EVIL}"))
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"error: {SEEN}: refused"
    assert told[1].startswith(f"error: /mnt/{SEEN}: Read-only file system; mount it")
