"""`tvradar` in this process, and a thread that kills others by name, as its stdin says."""

import ctypes
import sys
import threading

from edge.cli.main import main


class Killed(SystemExit):
    """What no `except Exception` catches, and asyncio lets through."""


def kill() -> None:
    for line in sys.stdin:
        for thread in threading.enumerate():
            if thread.name == line.strip():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Killed)
                )


threading.Thread(target=kill, name="killer", daemon=True).start()
main()
