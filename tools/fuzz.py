"""Give every reader of foreign bytes damaged input: it takes it or refuses it in our own words.

    python tools/fuzz.py --minutes 60 [--only NAME] [--seed 1]

Readers: configuration, MQTT presses, status, manifest, release, heartbeat, `person.toml`, timeline,
labels, sidecars, NFO files, EIT sections, broker addresses, lines of cec-ctl, a
whole gallery (its files are changed on the disk, it is opened and searched), the device's HTTP and
WebSocket port (real connections to a real server). Pictures have their own tool,
`fuzz_pictures.py`. Another error than ours, an answer 500, a server that stops answering or more
than ten seconds is a finding: it is printed with its bytes, and the tool ends with 1.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
import numpy as np

from edge.buttons.cec_keys import read_keys
from edge.config import parse_config
from edge.errors import EdgeError
from edge.evaluate.labels import read_labels
from edge.home.events import MqttEvents
from edge.timeline.live import read_timeline
from edge.timeline.sidecar import SidecarBuilder, encode, read_sidecar
from edge.titles.eit import crc32, parse_eit
from gallery.channel import manifest, status
from gallery.channel.broker import Broker
from gallery.channel.health import HeartbeatFile
from gallery.errors import GalleryError
from gallery.search.open import open_gallery
from gallery.store.person import Person, parse_person_file
from gallery.store.release import decode_release
from gallery.texts import shown
from gallery.titles.nfo import parse_nfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SLOW_S = 10.0
OURS = (EdgeError, GalleryError)
TOKENS = (
    *(
        b"\x00",
        b"\xff",
        b"\xc3\x28",
        b"nan",
        b"1e999",
        b"-1",
        b"9" * 40,
        b'"',
        b"[" * 5000,
        b'{"a":' * 1000,
        b'"x":' + b"[" * 3000,
        b"<?xml" * 1000,
    ),
    *(
        b"../../etc/passwd",
        b"\xe2\x80\xae",
        b"\x1b[2J",
        b"%00",
        b"\r\n\r\n",
        b"\\u0000",
        b"x" * 5000,
    ),
)
HANDSHAKE = (
    b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

Edit = tuple[str, int, bytes]
"""What is done, where (modulo the length), and with what."""


class FindingError(Exception):
    """What no reader may do."""


def mutate(seed: bytes, edits: Sequence[Edit]) -> bytes:
    """Return a seed after some edits."""
    data = bytearray(seed)
    for kind, where, what in edits:
        at = where % (len(data) + 1)
        if kind == "insert":
            data[at:at] = what
        elif kind == "overwrite":
            data[at : at + len(what)] = what
        elif kind == "cut":
            del data[at : at + 1 + len(what) * 3]
        elif kind == "repeat":
            data[at:at] = data[at : at + 40] * 8
        elif data:
            data[at % len(data)] ^= 1 << (len(what) % 8)
    return bytes(data[: 1 << 18])


def random_edits(source: random.Random) -> list[Edit]:
    """Return one to six edits."""
    kinds = ("insert", "overwrite", "cut", "repeat", "flip", "flip")
    return [
        (
            source.choice(kinds),
            source.randrange(1 << 16),
            source.choice(TOKENS)[: source.randint(1, 5000)],
        )
        for _ in range(source.randint(1, 6))
    ]


class Target:
    """A reader and what it usually reads.

    Args:
        read: takes the bytes; our errors are raised or not, others are findings.
        seeds: valid input.
    """

    def __init__(self, read: Callable[[bytes], object], *seeds: bytes) -> None:
        self.read, self.seeds = read, seeds
        self.taken = self.refused = 0
        self.slowest_s = 0.0

    def feed(self, data: bytes) -> None:
        """Read; see whether that was as it should be."""
        begun = time.monotonic()
        try:
            self.read(data)
        except OURS as error:
            self.refused += 1
            shown(str(error)).encode()
        except Exception as error:
            raise FindingError(f"{type(error).__name__}: {error}") from error
        else:
            self.taken += 1
        took = time.monotonic() - begun
        self.slowest_s = max(self.slowest_s, took)
        if took > SLOW_S:
            raise FindingError(f"took {took:.0f} s")


def targets(stack: ExitStack, *, network: bool = True) -> dict[str, Target]:
    """Return all readers; what they need is there until the stack ends."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tvradar-fuzz-")))
    gallery = _gallery(folder / "gallery")
    release = (folder / "gallery" / "current" / "release.json").read_bytes()
    found = {**_texts(folder, release), "gallery": gallery}
    return {**found, **_server(stack)} if network else found


def _file(folder: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = folder / "foreign"

    def write_and_read(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return write_and_read


def _texts(folder: Path, release: bytes) -> dict[str, Target]:
    events = MqttEvents(Broker("127.0.0.1"), "fuzz", lambda _: None)

    def press(data: bytes) -> None:
        events._pressed_s = 0.0
        events._take(("tvradar/fuzz/press", data))

    person = b'source = "s"\n[name]\nen = "Ada"\n[role]\nen = "r"\n[[works]]\ntitle = "t"\n'
    shots = {"shots": [{"first": 0, "last": 9, "visible": ["a"]}]}
    seen = {"id": "a", "name": "A", "seconds": 1.0, "score": 0.5}
    appearances = {**seen, "intervals": [{"start_s": 0.0, "end_s": 1.0}]}
    timeline = {"source": "s", "duration_s": 3.0, "frame_s": 0.04, "people": [appearances]}
    signed = manifest.encode(
        manifest.Manifest(
            format=1,
            release=1,
            content=1,
            model="m",
            dim=128,
            created="2026-01-01T00:00:00Z",
            files=(
                manifest.File(path="release.json", sha256="ab" * 32, size=1024, chunk_size=1024),
            ),
            sources=(manifest.Source("https", "https://example.org/"),),
        )
    )
    told = status.encode(status.Status("tv", release=1, error="no", rejected=(3,)))
    return {
        **_titles(folder),
        "configuration": Target(
            lambda data: parse_config(data, "c"),
            b'source = "x"\n[serve]\nhosts = ["a"]\n[video]\nsize = [64, 64]\nfps = 25.0\n',
        ),
        "mqtt press": Target(press, b"PRESS", b'{"at": 3.5}', b""),
        "status": Target(status.decode, told),
        "manifest": Target(manifest.decode, signed),
        "release": Target(lambda data: decode_release(data, Path("release.json")), release),
        "heartbeat": Target(
            _file(folder, lambda path: HeartbeatFile(path).read()), b'{"release":1,"starts":1}'
        ),
        "person.toml": Target(lambda data: parse_person_file("ada", data, "p", ["a.jpg"]), person),
        "timeline": Target(_file(folder, read_timeline), json.dumps(timeline).encode()),
        "labels": Target(_file(folder, read_labels), json.dumps(shots).encode()),
        "broker address": Target(
            lambda data: Broker.from_uri(data.decode("latin-1")),
            b"mqtts://u:p@host:8883/prefix?ca=x&protocol=4",
        ),
        "cec-ctl": Target(
            lambda data: list(read_keys(iter(data.decode("latin-1").splitlines(keepends=True)))),
            b"Received from TV: USER_CONTROL_PRESSED (0x44):\n\tui-cmd: f2-red (0x72)\n",
        ),
    }


def _titles(folder: Path) -> dict[str, Target]:
    """Return the readers of what lies beside a film, or comes in its stream."""
    from tests.unit.edge.titles import sections

    def eit(data: bytes) -> None:
        """Damage is between a header and a checksum that are right."""
        body = data[:4000]
        whole = body[:1] + (0xF000 | len(body) + 1).to_bytes(2, "big") + body[3:]
        parse_eit(whole + crc32(whole).to_bytes(4, "big"))

    event = sections.short_event(b"\x15Name", b"A film.") + sections.extended_event(
        [(b"Actors", b"Ada Lovelace, Alan Turing")]
    )
    nfo = b"""<?xml version="1.0"?><movie><title>A</title><year>1999</year><plot>B &amp; C</plot>
<uniqueid type="imdb">tt1</uniqueid><actor><name>D</name><order>1</order></actor></movie>"""
    sidecar = SidecarBuilder().result("film.mp4", lambda _: Person("a", {"en": "A"}), complete=True)
    return {
        "NFO": Target(parse_nfo, nfo, nfo * 3),
        "EIT": Target(eit, sections.section(event)[:-4]),
        "sidecar": Target(_file(folder, read_sidecar), encode(sidecar)),
    }


def _gallery(folder: Path) -> Target:
    """Return the reader of a whole gallery: the bytes say which edits its files get."""
    from gallery.store import update
    from gallery.store.store import create_gallery
    from tests.unit.gallery.conftest import DIM, MODEL, Population

    population = Population()
    entries = population.entries(range(30))
    create_gallery(folder, entries.people, entries.templates, entries.owners, MODEL)
    update.apply(folder, population.entries(range(5, 9), edition=1), {"person-2"})
    probe = population.templates(3)
    damaged = folder.with_name("damaged")

    def read(data: bytes) -> None:
        source = random.Random(data)
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(folder, damaged, symlinks=True)
        files = sorted(p for p in damaged.rglob("*") if p.is_file() and not p.is_symlink())
        for path in source.sample(files, source.randint(1, 2)):
            path.chmod(0o600)
            path.write_bytes(mutate(path.read_bytes(), random_edits(source)))
        gallery = open_gallery(damaged, MODEL)
        assert probe.shape[1] == DIM
        matches = gallery.search(probe, 5)
        if not np.isfinite(matches.scores[matches.scores != -np.inf]).all():
            raise ValueError("a score that is no number")
        for person in gallery.ids():
            gallery.person(person)

    return Target(read, b"gallery")


def _server(stack: ExitStack) -> dict[str, Target]:
    from tests.serving import face, serving

    device = stack.enter_context(serving(preview=True))
    device.show(face(1, 50, "ada"))
    address = (device.server.host, device.server.port)

    def ask(data: bytes) -> bytes:
        with socket.create_connection(address, timeout=10) as one:
            one.settimeout(10)
            with contextlib.suppress(ConnectionError):
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while block := one.recv(65536):
                    answer += block
        return answer

    def http(data: bytes) -> None:
        answer = ask(data)
        if answer.startswith(b"HTTP/1.1 500"):
            raise ValueError("a server error")
        _alive()

    def body(data: bytes) -> None:
        head = b"POST /api/feedback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        http(head + f"Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def message(data: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        size = bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        _talk(b"\x81" + size + mask + masked if len(data) < 65536 else data)

    def _talk(data: bytes) -> None:
        with socket.create_connection(address, timeout=10) as one:
            one.settimeout(10)
            with contextlib.suppress(ConnectionError):
                one.sendall(HANDSHAKE + data)
                one.recv(65536)
        _alive()

    def _alive() -> None:
        answer = ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"the server does not answer: {answer[:60]!r}")

    get = b"GET /api/people/ada?x=1 HTTP/1.1\r\nHost: localhost\r\nCookie: tvradar_token=x\r\n\r\n"
    return {
        "HTTP": Target(
            http, get, b"POST /api/press HTTP/1.1\r\nHost: localhost\r\n\r\n", HANDSHAKE
        ),
        "HTTP body": Target(body, b'{"track": 1, "id": "ada"}'),
        "WebSocket frames": Target(_talk, b"\x81\x8d\0\0\0\0" + b'{"type":"press"}'),
        "WebSocket message": Target(message, b'{"type":"press","at":0.1}'),
    }


def main() -> None:
    """Feed all targets in turn for some minutes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    findings: list[str] = []
    with ExitStack() as stack:
        every = {n: t for n, t in targets(stack).items() if options.only in n}
        until = time.monotonic() + 60 * options.minutes
        while time.monotonic() < until and len(findings) < 20:
            for name, target in every.items():
                turn = time.monotonic() + 0.5
                while time.monotonic() < turn:
                    data = mutate(source.choice(target.seeds), random_edits(source))
                    try:
                        target.feed(data)
                    except FindingError as finding:
                        shortened = base64.b64encode(data[:3000]).decode()
                        if sum(f.startswith(name) for f in findings) < 3:
                            findings.append(
                                f"{name}: {str(finding)[:200]}; bytes in base64: {shortened}"
                            )
                        break
    rows = [
        {"reader": n, "taken": t.taken, "refused": t.refused, "slowest_s": round(t.slowest_s, 3)}
        for n, t in every.items()
    ]
    print(msgspec.json.format(msgspec.json.encode({"rows": rows, "findings": findings})).decode())
    if findings:
        sys.exit(1)


if __name__ == "__main__":
    main()
