"""A window of Qt's web engine that is driven by lines of JSON; `old_engines.py` starts it.

It runs in an environment of its own, with PyQtWebEngine and without tvradar. Each line that it
reads is a command, each line that it writes is the result:

    {"go": URL}            load a page                        {"ok": true or false}
    {"key": "R"}           a key of a keyboard, by Qt         {}
    {"run": "1 + 1"}       JavaScript in the page             {"value": 2}
    {"shot": "file.png"}   what the window shows              {}

Errors that the page logs go to standard error, where `old_engines.py` looks for them.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_QUICK_BACKEND", "software")  # no OpenGL where there is no display
os.environ["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # root has none; the page is our own
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")

from PyQt5.QtCore import QEvent, QSocketNotifier, Qt, QUrl
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWebEngineWidgets import QWebEnginePage, QWebEngineView
from PyQt5.QtWidgets import QApplication

KEYS = {
    "R": Qt.Key_R,
    "X": Qt.Key_X,
    "ArrowLeft": Qt.Key_Left,
    "ArrowRight": Qt.Key_Right,
    "ArrowUp": Qt.Key_Up,
    "ArrowDown": Qt.Key_Down,
    "Enter": Qt.Key_Return,
    "Escape": Qt.Key_Escape,
}


class Page(QWebEnginePage):
    """A page that says aloud what goes wrong in it."""

    def javaScriptConsoleMessage(  # noqa: N802 - Qt's name
        self, level: int, message: str, line: int, source: str
    ) -> None:
        """Pass a message on."""
        print(f"console {int(level)}: {message} ({source}:{line})", file=sys.stderr, flush=True)


class Window:
    """One view, and the commands for it."""

    def __init__(self) -> None:
        self._view = QWebEngineView()
        self._page = Page(self._view)
        self._view.setPage(self._page)
        self._page.setBackgroundColor(Qt.black)
        self._view.resize(1280, 720)
        self._view.show()
        self._page.loadFinished.connect(lambda ok: self._say({"ok": ok}))
        self._input = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Read)
        self._input.activated.connect(self._read)

    def _read(self, _fd: int) -> None:
        line = sys.stdin.readline()
        if not line:
            QApplication.quit()
            return
        command = json.loads(line)
        for name, value in command.items():
            getattr(self, f"_{name}")(value)

    def _say(self, value: dict[str, Any]) -> None:
        print(json.dumps(value), flush=True)

    def _go(self, url: str) -> None:
        self._page.load(QUrl(url))

    def _run(self, code: str) -> None:
        self._page.runJavaScript(code, lambda value: self._say({"value": value}))

    def _key(self, name: str) -> None:
        text = name.lower() if len(name) == 1 else "\r" if name == "Enter" else ""
        target = self._view.focusProxy() or self._view
        for kind in (QEvent.KeyPress, QEvent.KeyRelease):
            QApplication.sendEvent(target, QKeyEvent(kind, KEYS[name], Qt.NoModifier, text))
        self._say({})

    def _shot(self, path: str) -> None:
        self._view.grab().save(path)
        self._say({})


def main() -> None:
    """Serve commands until standard input ends."""
    application = QApplication(sys.argv)
    window = Window()
    application.exec_()
    del window


if __name__ == "__main__":
    main()
