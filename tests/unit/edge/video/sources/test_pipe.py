"""A pipe gives all its bytes once, waits for nobody for ever, and can be let go of."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from edge.errors import SourceError, SourceLostError
from edge.video.sources.pipe import Pipe, is_pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a FIFO that somebody writes pieces to, each after a wait, and then leaves."""
    threads = []

    def make(*pieces: tuple[float, bytes], stays_s: float = 0.0) -> Path:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)

        def write() -> None:
            handle = os.open(fifo, os.O_WRONLY)
            for wait_s, piece in pieces:
                time.sleep(wait_s)
                os.write(handle, piece)
            time.sleep(stays_s)
            os.close(handle)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return fifo

    yield make
    for thread in threads:
        thread.join()


def test_what_was_looked_at_is_read_again(written: Callable[..., Path]) -> None:
    pipe = Pipe(str(written((0, b"abc"), (0.1, b"def"))), 5)
    assert pipe.peek(3) == b"abc"
    assert pipe.read(2) == b"ab"
    assert pipe.read() == b"cdef"
    assert pipe.read(1) == b""
    assert pipe.warning == ""
    pipe.close()
    pipe.close()


def test_a_pause_does_not_hold_up_the_look_at_its_head(written: Callable[..., Path]) -> None:
    fifo = written((0, b"abc"), stays_s=1.5)
    start_s = time.monotonic()
    pipe = Pipe(str(fifo), 5)
    assert pipe.head == b"abc"
    assert time.monotonic() - start_s < 1.2
    pipe.close()


def test_a_long_silence_is_an_end_with_a_warning(written: Callable[..., Path]) -> None:
    pipe = Pipe(str(written((0, b"abc"), stays_s=1.5)), 5, silence_s=0.3)
    assert pipe.read() == b"abc"
    assert "silent for 0.3 s" in pipe.warning
    pipe.close()


def test_another_thread_ends_the_reading(written: Callable[..., Path]) -> None:
    pipe = Pipe(str(written((0, b"abc"), stays_s=2.5)), 5)
    threading.Timer(0.2, pipe.cancel).start()
    start_s = time.monotonic()
    assert pipe.read() == b"abc"
    assert time.monotonic() - start_s < 1.5
    pipe.close()


def test_nobody_who_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceLostError, match=r"nothing came for 0\.1 s"):
        Pipe(str(tmp_path / "fifo"), 0.1)


def test_an_end_before_the_beginning(written: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match="ended before it began"):
        Pipe(str(written(stays_s=0.1)), 5)


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "a" * 5000, "/dev/null", "/tmp"])
def test_what_is_no_pipe(name: str) -> None:
    assert not is_pipe(name)
