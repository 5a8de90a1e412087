"""A viewer names a stranger in the watched session, and takes that back in the next one."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError
from edge.privacy.verdict import Line

if TYPE_CHECKING:
    from pathlib import Path

TYPED = "Zqx Privacycheck"
"""A name that no other text of a session has."""
FACE_S = 90.0


class NamingVisit:
    """What a viewer does, and what lies on the disk before and after it.

    Args:
        folder: `naming.folder` of the device, nothing in it yet.

    Attributes:
        too_early: a line for each thing that lay on the disk before the yes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.too_early: list[Line] = []
        self._named = ""

    def choose_and_leave(self, url: str) -> None:
        """Choose a stranger's face, and name nobody."""
        self._choose(url)
        _ask(url + "api/naming/cancel", {})
        self._look("chosen, then cancelled")

    def name_a_stranger(self, url: str) -> list[Line]:
        """Choose a face and leave it; choose one again, and keep it after a yes.

        Returns:
            A line for each thing that lay on the disk before the yes.

        Raises:
            EdgeError: no stranger's face was clear enough, or the device did as it must not.
        """
        self.choose_and_leave(url)
        self._choose(url)
        if _ask(url + "api/naming/save", {"name": TYPED}) is not None:
            raise EdgeError("privacy: a face was kept without a yes")
        self._look("named, but without a yes")
        kept = _ask(url + "api/naming/save", {"name": TYPED, "yes": True})
        if kept is None:
            raise EdgeError("privacy: the face was not kept after a yes")
        self._named = kept["id"]
        return self.too_early

    def erase(self, url: str) -> list[Line]:
        """Erase who was named, and return a line for each file that still tells of them."""
        known = any(TYPED.encode() in path.read_bytes() for path in self._files())
        if not known or _ask(url + "api/naming/undo", {"id": self._named}) is None:
            raise EdgeError("privacy: who was named did not outlive the crash")
        words = (TYPED.encode(), self._named.encode(), b"\xff\xd8\xff")
        return [
            Line("recogniser", str(path), path.stat().st_size, "a file", "it tells of the erased")
            for path in self._files()
            if any(word in path.read_bytes() for word in words)
        ]

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def _look(self, when: str) -> None:
        self.too_early += [
            Line("recogniser", str(path), path.stat().st_size, "a file", f"a face was only {when}")
            for path in self._files()
        ]

    def _choose(self, url: str) -> None:
        """Press until a stranger's face can be named."""
        until = time.monotonic() + FACE_S
        while time.monotonic() < until:
            answer = _ask(url + "api/press", {}) or {}
            for face in answer.get("unnamed", ()):
                if _ask(url + "api/naming", {"track": face["track"]}) is not None:
                    return
            time.sleep(0.1)
        raise EdgeError(
            f"privacy: within {FACE_S:.0f} s no stranger's face was clear enough to be named; "
            "nothing is shown about it. Give a film with a stranger by --source and --people"
        )


def _ask(url: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the device answers, None where it refuses."""
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError:
        return None
