"""Runs commands of `tvradar`, each in a process of its own with limits, without its start-up time.

A process that has imported everything reads a command a line, forks, sets the limits in the child,
and answers with its exit code, its processor time and what it said.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DEAD_S = 60.0
"""Nothing takes longer, even on a machine that is busy with other tests."""


def _child(words: list[str], limits: dict[str, int], out: int, err: int) -> None:
    for number, descriptor in ((1, out), (2, err)):
        os.dup2(descriptor, number)
    for which, most in limits.items():
        resource.setrlimit(int(which), (most, most))
    sys.argv = words
    from edge.cli.main import main

    code = 1
    try:
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter itself would
        import traceback

        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _run(words: list[str], limits: dict[str, int]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(words, limits, out.fileno(), err.fileno())
        code: int | None = None
        while True:
            ended, status, used = os.wait4(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - begun > DEAD_S:
                os.kill(child, signal.SIGKILL)
                _, _, used = os.wait4(child, 0)
                break
            time.sleep(0.005)
        seconds = time.monotonic() - begun
        out.seek(0)
        err.seek(0)
        return {
            "code": code,
            "seconds": seconds,
            "cpu_s": used.ru_utime + used.ru_stime,
            "out": out.read().decode(errors="replace"),
            "err": err.read().decode(errors="replace"),
        }


def main() -> None:
    """Serve commands from stdin until it ends."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import gallery.sync.service  # noqa: F401 - imported here, so that no child has to

    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(_run(asked["words"], asked["limits"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
