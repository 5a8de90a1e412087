"""A session under watch: a film, presses, readers, an update, a crash and a restart."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import EdgeError
from edge.privacy.captioned import SEEN, with_caption
from edge.privacy.naming import TYPED, NamingVisit
from edge.privacy.spoken import traces_of
from edge.privacy.subtitled import WORDS, with_subtitles
from edge.privacy.trace import read_record, strace_command
from edge.privacy.verdict import Allowed, Line, judge
from edge.testbed.spoken import SPOKEN_S, speech, with_sound, write_wav
from engines.files import cache_dir
from gallery.voices.stored import read_voices

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.cues.cue import CueKind

START_S = 60.0
READING_S = 60.0
BACKS_S = (3.0, 5.0, 7.0, 9.0, 0.0)
_READINGS = r'^tvradar_stage_seconds_count\{{stage="{}"\}} (\S+)$'
_URL = re.compile(r"http://127\.0\.0\.1:\d+/")


class Session:
    """Runs the real commands in a folder of its own, under strace.

    Args:
        folder: an empty folder.
        source: the film.
        people: folder of people to enrol.
        presses: how often the button is pressed before and after the crash.
        tell: told what happens next.
        extra: further lines of the recogniser's configuration.
        cues: what counts beside the face, None for what counts by default; with `text` the film
            gets subtitles and a caption that names nobody, and each run goes on until text was
            read, a subtitle heard, and the caption told in an answer.
        naming: a stranger is named, kept over the crash, and erased.

    Attributes:
        readings: how often text was read.
        told: how many answers to presses had the caption's words.
        subtitles: how often subtitles were heard.
        voices: how often a voice was compared.
    """

    def __init__(
        self,
        folder: Path,
        source: Path,
        people: Path,
        *,
        presses: int,
        tell: Callable[[str], None],
        extra: str = "",
        cues: frozenset[CueKind] | None = None,
        naming: bool = False,
    ) -> None:
        self._folder = folder
        self._source = source
        self._people = people
        self._presses = presses
        self._tell = tell
        self._extra = extra
        self._cues = cues
        self._naming = NamingVisit(folder / "named") if naming else None
        self.readings = self.subtitles = self.voices = self.told = 0
        self._traces: tuple[tuple[bytes, str], ...] = ()
        self._records = folder / "records"
        self._work = folder / "work"
        self._cwd = folder / "cwd"
        self._heartbeat = folder / "run" / "heartbeat.json"
        self._temporary = folder / "tmp"
        self._cache = cache_dir()
        self._environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "TMPDIR": str(self._temporary),
            "TVRADAR_CACHE": str(self._cache),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # The library is quiet by itself where CI is set; a viewer's device is not CI.
        for name in ("CI", "NOTIFY_SOCKET", "WATCHDOG_USEC"):
            self._environment.pop(name, None)

    @property
    def _reads(self) -> bool:
        return self._cues is not None and "text" in self._cues

    @property
    def _hears(self) -> bool:
        return self._cues is not None and "voice" in self._cues

    def run(self) -> list[Line]:
        """Run the session and return the receipt.

        Raises:
            EdgeError: a part of the session did not work.
        """
        homes = (self._cwd, self._folder / "home", self._temporary)
        for folder in (self._records, self._work, *homes):
            folder.mkdir(parents=True)
        self._tell("enrolling and publishing")
        self._command("gallery", "enrol", self._people, "-o", self._work / "master")
        self._command("gallery", "keys", "init", "--home", self._work / "channel")
        self._publish()
        if self._reads:
            names = (p.name.replace("_", " ") for p in self._people.iterdir() if p.is_dir())
            with_caption(self._source, self._work / "captioned.mkv")
            self._source = self._work / "film.mkv"
            with_subtitles(self._work / "captioned.mkv", self._source, min(names))
        lines = self._update("updater-1")
        if self._hears:
            self._speak()
        lines += self._watch("recogniser-1", crash=True)
        lines += self._watch("recogniser-2", crash=False)
        left = [path for folder in homes for path in folder.rglob("*")]
        lines += [
            Line("recogniser", str(p), p.stat().st_size, "a file", "it was left behind")
            for p in left
            if p.is_file()
        ]
        return lines

    def _speak(self) -> None:
        """Let a voice be spoken over the film, and enrol it as that of somebody who stays."""
        said, gallery = speech(SPOKEN_S), self._work / "gallery"
        film, self._source = self._source, self._work / "spoken.mkv"
        with_sound(film, self._source, said)
        write_wav(self._work / "said.wav", said)
        person = max(p.name for p in self._people.iterdir() if p.is_dir())
        self._command("gallery", "voice", gallery, person, self._work / "said.wav")
        self._traces = traces_of(said, read_voices(gallery).people[person].vector)

    def _command(self, *words: object) -> str:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "edge", *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EdgeError(f"tvradar {words[0]} {words[1]}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def _publish(self) -> None:
        channel = self._work / "channel"
        self._command(
            "gallery", "publish", self._work / "master", "--home", channel,
            "--to", f"file://{self._work}/published", "--probation", 1,
        )  # fmt: skip

    def _update(self, name: str) -> list[Line]:
        """Fetch the published release under watch."""
        root = next((self._work / "channel").rglob("root.json"), None) or next(
            (self._work / "channel").rglob("1.root.json")
        )
        gallery, state = self._work / "gallery", self._work / "state"
        record = self._records / name
        done = subprocess.run(  # noqa: S603
            [
                *strace_command(record), sys.executable, "-m", "edge", "sync", "--once",
                "--from", f"file://{self._work}/published", "--root", str(root),
                "--gallery", str(gallery), "--state", str(state),
            ],
            env=self._environment, cwd=self._cwd, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise EdgeError(f"tvradar sync: {done.stderr.strip()[-400:]}")
        allowed = Allowed(
            {
                gallery: "galleries of enrolled people",
                state: "state of the updates",
                self._temporary: "metadata, until it is verified",
            },
            {},
            pictures=True,
        )
        return judge("updater", read_record(record), allowed)

    def _watch(self, name: str, *, crash: bool) -> list[Line]:
        """Run the recogniser under watch, press, read, update, and end or crash it."""
        config = self._work / "tvradar.toml"
        config.write_text(self._configuration())
        record, log = self._records / name, self._folder / f"{name}.log"
        updates: list[Line] = []
        with log.open("wb") as said:
            process = subprocess.Popen(  # noqa: S603
                [
                    *strace_command(record), sys.executable, "-m", "edge", "run",
                    "--config", str(config),
                ],
                env=self._environment, cwd=self._cwd, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        try:
            url = self._ready(process, log)
            self._tell(f"pressing the button {self._presses} times")
            self._press(url)
            if self._reads:
                self._tell("waiting until text is read")
                self.subtitles += _await_stage(url, "subtitles")
                self.readings += _await_stage(url, "captions")
                self.told += _await_told(url)
            if self._hears:
                self._tell("waiting until a voice is compared")
                self.voices += _await_stage(url, "voices")
            if self._naming is not None:
                self._tell("naming a stranger" if crash else "erasing the stranger")
                visit = self._naming
                updates += visit.name_a_stranger(url) if crash else visit.erase(url)
            if crash:
                self._tell("a new release, then a crash")
                self._command(
                    "gallery",
                    "remove",
                    self._work / "master",
                    min(p.name for p in self._people.iterdir() if p.is_dir()),
                )
                self._publish()
                updates += self._update("updater-2")
                self._press(url)
            _end(process, signal.SIGSEGV if crash else signal.SIGTERM)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what strace watches outlives strace
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return updates + judge("recogniser", read_record(record), self._allowed(log))

    def _configuration(self) -> str:
        text = (
            f'source = "{self._source}"\ngallery = "{self._work}/gallery"\nloop = true\n'
            f'heartbeat = "{self._heartbeat}"\n{self._extra}\n[serve]\nport = 0\n'
        )
        if self._naming is not None:
            text += f'[naming]\nfolder = "{self._naming.folder}"\nphone = true\n'
        if self._cues is not None:
            text += f"[cues]\nuse = {json.dumps(sorted(self._cues))}\n"
        return text

    def _allowed(self, log: Path) -> Allowed:
        """Return what the recogniser may write."""
        files = {
            self._heartbeat.parent: "how the release works here: numbers, no names",
            log: "log",
            self._cache / "speed": "how fast the models ran here",
            self._cache / "models": "models",
        }
        kept = Allowed(files, {}, words=WORDS.encode(), hidden=self._traces, caption=SEEN)
        if self._naming is None:
            return kept
        folder = self._naming.folder
        files[folder] = "who was named, after a yes"
        return replace(kept, faces=frozenset([folder]), secret=TYPED.encode())

    def _ready(self, process: subprocess.Popen[bytes], log: Path) -> str:
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            found = _URL.search(log.read_text(errors="replace"))
            with contextlib.suppress(OSError):
                if found and urllib.request.urlopen(found.group() + "readyz", timeout=5):  # noqa: S310
                    return found.group()
            time.sleep(0.1)
        raise EdgeError(f"tvradar run: did not start; {log.read_text(errors='replace')[-400:]}")

    def _press(self, url: str) -> None:
        for _ in range(self._presses):
            request = urllib.request.Request(url + "api/press", b"{}", method="POST")  # noqa: S310
            for wanted in (request, url + "api/scene", url + "metrics"):
                _read(wanted)
            time.sleep(0.1)


def _await_stage(url: str, stage: str) -> int:
    """Return how often a stage of reading text ran, once it did."""
    counted = re.compile(_READINGS.format(stage), re.MULTILINE)
    until = time.monotonic() + READING_S
    while time.monotonic() < until:
        with urllib.request.urlopen(url + "metrics", timeout=10) as answer:  # noqa: S310
            found = counted.search(answer.read().decode())
        if found and float(found[1]) > 0:
            return int(float(found[1]))
        time.sleep(0.2)
    raise EdgeError(
        f"privacy: no {stage} were read within {READING_S:.0f} s, since this machine is busy and "
        "faces come first; nothing is shown about it. Run it again when the machine is quiet"
    )


def _await_told(url: str) -> int:
    """Press until an answer has what the caption says; return 1.

    A busy machine reads some time after the picture: so it is also asked about a while ago.
    """
    until, body, now_s, backs = time.monotonic() + READING_S, b"{}", 0.0, cycle(BACKS_S)
    while time.monotonic() < until:
        request = urllib.request.Request(url + "api/press", body, method="POST")  # noqa: S310
        told = b""
        gone = contextlib.suppress(urllib.error.HTTPError)  # the film has begun again meanwhile
        with gone, urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            told = answer.read()
        if SEEN in told:
            return 1
        if told and body == b"{}":
            now_s = json.loads(told)["pts_s"]
        back_s = next(backs)
        moment_s = max(now_s - back_s, 0.0)
        body = json.dumps({"at": moment_s}).encode() if back_s else b"{}"
        time.sleep(0.25)
    raise EdgeError(
        f"privacy: no answer had the caption's words within {READING_S:.0f} s, since this machine "
        "is busy and faces come first; nothing is shown about it. Run it again when the machine is "
        "quiet"
    )


def _read(wanted: str | urllib.request.Request) -> None:
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(wanted, timeout=10).close()  # noqa: S310


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal the command that strace runs, and wait for both."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        raise EdgeError("tvradar run: did not end within 20 s") from None
