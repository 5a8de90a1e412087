"""The real updater and the real recogniser, as processes with limits, on one gallery."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from gallery.publish.repository import Repository
from gallery.store.person import Person
from gallery.store.store import create_gallery
from gallery.store.update import Entries, add
from tests.attacks.forge import Forgery, forgery_of, sign
from tests.attacks.warm import DEAD_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gallery.search.search import Gallery
    from tests.attacks.cases import Case

TVRADAR = Path(sys.executable).parent / "tvradar"
HANG_S = 10
"""Nothing of ours may take more processor time for a release of a few hundred kilobytes."""
UPDATER = {resource.RLIMIT_AS: 2 << 30, resource.RLIMIT_NOFILE: 128, resource.RLIMIT_CPU: HANG_S}
RECOGNISER = {resource.RLIMIT_NOFILE: 256}
NAMED = re.compile(r"^[a-z][a-z &-]+ refused: \S.{5,}|: \S.{10,}", re.DOTALL)
"""What a reason looks like: an attack by name, or a subject and what is wrong with it."""


@dataclass(frozen=True)
class Outcome:
    """What became of a crafted release."""

    case: str
    seed: int
    number: int
    installed: bool
    reason: str
    seconds: float
    cpu_s: float
    problem: str = ""


def base_gallery(folder: Path, real: Gallery | None = None, count: int = 40) -> Path:
    """Write a gallery of two segments: some real people, where there are any, and others."""
    rng = np.random.default_rng(5)

    def strangers(first: int, number: int) -> Entries:
        vectors = rng.standard_normal((number, 128)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        people = [
            Person(
                f"s{first + i:04d}",
                {"en": f"Somebody {first + i}", "zh": "某人"},
                photo=b"\xff\xd8\xff" + bytes(500),
            )
            for i in range(number)
        ]
        return Entries(people, vectors, np.arange(number, dtype=np.int32), "sface-2021dec")

    first = strangers(0, count)
    people, templates = list(first.people), first.templates
    owners = first.owners
    if real is not None:
        theirs = [real.templates_of(person.id) for person in real.people()]
        owners = np.concatenate(
            [owners, np.repeat(np.arange(len(theirs)) + len(people), [len(t) for t in theirs])]
        ).astype(np.int32)
        people += list(real.people())
        templates = np.concatenate([templates, *theirs])
        templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    create_gallery(folder, people, templates, owners, "sface-2021dec")
    add(folder, strangers(count, 3))
    return folder


def limited(limits: dict[int, int]) -> Any:
    """Return what sets limits in a child."""

    def apply() -> None:
        for which, most in limits.items():
            resource.setrlimit(which, (most, most))

    return apply


class Arena:
    """A channel with test keys, a device's folders, and a recogniser that runs on them."""

    def __init__(self, folder: Path, gallery: Path, clip: Path | None) -> None:
        self.folder = folder
        self.repository = Repository(folder / "home")
        self.repository.init()
        self.good = forgery_of(gallery)
        self.number = 1
        self.pulse = folder / "pulse.json"
        self.recogniser: subprocess.Popen[bytes] | None = None
        self._warm = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        self.url = ""
        outcome = self.publish(copy.deepcopy(self.good), "start", 0)
        assert outcome.installed, outcome
        if clip is not None:
            self._start(clip)

    @property
    def gallery(self) -> Path:
        return self.folder / "tv" / "gallery"

    def _start(self, clip: Path) -> None:
        config = self.folder / "run.toml"
        config.write_text(
            f'source = "{clip}"\ngallery = "{self.gallery}"\nloop = true\npulse = "{self.pulse}"\n'
            "[serve]\nport = 0\n[recognise]\ndetect_every = 5\nembeddings_per_frame = 1\n"
        )
        self.log = self.folder / "recogniser.log"
        with self.log.open("wb") as log:
            self.recogniser = subprocess.Popen(
                [str(TVRADAR), "run", "--config", str(config)],
                stderr=log,
                stdout=log,
                preexec_fn=limited(RECOGNISER),  # noqa: PLW1509 - no threads of ours yet
            )
        deadline = time.monotonic() + 60
        while not (found := re.search(r"http://[^\s/]+", self.log.read_text())):
            assert self.recogniser.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        self.url = found.group()

    def trial(self, case: Case, seed: int) -> Outcome:
        """Sign what a case makes, let the updater have it, and see whether the recogniser lives."""
        forgery = copy.deepcopy(self.good)
        case.change(forgery, np.random.default_rng(seed))
        return self.publish(forgery, case.name, seed)

    def publish(self, forgery: Forgery, name: str, seed: int) -> Outcome:
        self.number += 1
        sign(forgery, self.repository, self.number)
        ran = self.sync()
        code, status, err, seconds = ran["code"], ran["status"], ran["err"], ran["seconds"]
        installed = status.get("release") == self.number
        reason = str(status.get("error", ""))
        problem = ""
        if code is None:
            problem = f"the updater hung for {seconds:.0f} s"
        elif code < 0 or "Traceback" in err:
            problem = f"the updater ended with {code}: {err[-500:]}"
        elif not installed and not NAMED.search(reason):
            problem = f"no reason: {status} {err[-500:]}"
        elif installed and reason:
            problem = f"installed, and yet an error: {reason}"
        problem = problem or self._serves(installed=installed)
        return Outcome(name, seed, self.number, installed, reason, seconds, ran["cpu_s"], problem)

    def sync(self) -> dict[str, Any]:
        """Run the updater once; its code is None when it had to be killed."""
        words: Sequence[object] = (
            TVRADAR, "sync", "--once", "--json", "--from", self.repository.public,
            "--root", self.repository.home / "root.json", "--gallery", self.gallery,
            "--state", self.folder / "tv" / "state", "--device", "tv",
            "--model", "sface-2021dec", "--pulse", self.pulse,
        )  # fmt: skip
        asked = {"words": [str(word) for word in words], "limits": UPDATER}
        assert self._warm.stdin
        assert self._warm.stdout
        self._warm.stdin.write(json.dumps(asked) + "\n")
        self._warm.stdin.flush()
        ran: dict[str, Any] = json.loads(self._warm.stdout.readline())
        lines = [line for line in ran["out"].splitlines() if line.startswith("{")]
        return {**ran, "status": json.loads(lines[-1]) if lines else {}}

    def _serves(self, *, installed: bool) -> str:
        """Return what is wrong with the recogniser, "" when it serves as it should."""
        if self.recogniser is None:
            return ""
        deadline = time.monotonic() + DEAD_S
        release = None
        while time.monotonic() < deadline:
            if self.recogniser.poll() is not None:
                return f"the recogniser ended: {self.log.read_text()[-800:]}"
            with contextlib.suppress(httpx.HTTPError, ValueError):
                release = httpx.get(f"{self.url}/api/status", timeout=5).json()["release"]
                if not installed or release == self.number:
                    return ""
            time.sleep(0.05)
        return f"the recogniser serves {release}: {self.log.read_text()[-800:]}"

    def names(self, person: str, within_s: float = 60) -> bool:
        """Return whether somebody on screen is named."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            scene = httpx.get(f"{self.url}/api/scene", timeout=5).json()
            if person in {face.get("id") for face in scene.get("faces", ())}:
                return True
            time.sleep(0.1)
        return False

    def end_by_sigterm(self) -> float:
        """Return how long the recogniser takes to end."""
        assert self.recogniser is not None
        begun = time.monotonic()
        self.recogniser.send_signal(signal.SIGTERM)
        self.recogniser.wait(30)
        return time.monotonic() - begun

    def close(self) -> None:
        self._warm.communicate()  # its input ends
        if self.recogniser is not None and self.recogniser.poll() is None:
            self.recogniser.kill()
            self.recogniser.wait()


def memory_folder() -> Path | None:
    """Return a folder in memory where there is one: fsync takes milliseconds on a disk."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else None
