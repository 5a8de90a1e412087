"""What may leave a process, and why."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edge.privacy.trace import Output

_PICTURES = {
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG\r\n": "a PNG",
    b"WEBPVP8": "a WebP",
    b"ftyp": "an MP4",
    b"\x1aE\xdf\xa3": "a Matroska",
    b"WAVEfmt ": "a WAVE",
    b"OggS": "an Ogg",
    b"fLaC": "a FLAC",
}
_VECTOR = re.compile(rb"(?:-?\d+\.\d+(?:e-?\d+)?\s*[,\s]\s*){48}")
_NOT_KEPT = re.compile(
    r"^(?:pipe:|anon_inode:|/dev/(?:null|shm/sem\.|pts/|tty|urandom)|/memfd:|socket:|/proc/\d+/task/)"
)
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|\[::1\]|::1|::ffff:127\.0\.0\.1)[\]:]*\d*$")


class Line(msgspec.Struct, frozen=True):
    """One line of the receipt.

    Attributes:
        process: `recogniser` or `updater`.
        target: file, address or kind of channel.
        size: bytes written or sent.
        what: what it is.
        problem: why it must not leave, empty when it may.
    """

    process: str
    target: str
    size: int
    what: str
    problem: str = ""


@dataclass(frozen=True)
class Allowed:
    """What a process may write and where it may connect to.

    Attributes:
        files: paths, or folders with all in them, with what they are for.
        channels: beginnings of targets such as `UNIX:"/run/systemd/notify"`, likewise.
        pictures: whether pictures may be among them: galleries hold those of enrolled people.
        words: must stand in nothing that leaves it.
        faces: folders that may hold pictures and the secret, whatever holds for the others.
        secret: what else may only go to readers on this machine; empty for nothing.
        hidden: bytes that may stand in nothing that leaves it, and what each is of.
        caption: what a caption says of somebody who is not enrolled; it may stand in the answer to
            a press that goes to a reader on this machine, and in nothing else.
    """

    files: dict[Path, str]
    channels: dict[str, str]
    pictures: bool = False
    words: bytes = b""
    faces: frozenset[Path] = frozenset()
    secret: bytes = b""
    hidden: tuple[tuple[bytes, str], ...] = ()
    caption: bytes = b""


def judge(process: str, outputs: Iterable[Output], allowed: Allowed) -> list[Line]:
    """Return the receipt of one process, problems first."""
    sizes: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for output in outputs:
        if _NOT_KEPT.match(output.target):
            continue
        target, what, problem = _about(output, allowed)
        kept_there = any(target == str(folder) for folder in allowed.faces)
        if not problem and not kept_there:
            problem = _secret_in(output.content, target, allowed)
            if not problem and not allowed.pictures:
                problem = _picture_in(output.content)
        if not problem and allowed.words and allowed.words in output.content:
            problem = "what a subtitle says is in it"
        if not problem and allowed.caption and allowed.caption in output.content:
            problem = "" if _is_answer(output.content, target) else "what a caption says is in it"
        if not problem:
            problem = next(
                (
                    f"a part of the {what} is in it"
                    for part, what in allowed.hidden
                    if part in output.content
                ),
                "",
            )
        sizes[target, what, problem] += output.size
    lines = [Line(process, t, size, what, why) for (t, what, why), size in sizes.items()]
    return sorted(lines, key=lambda line: (not line.problem, line.target))


def _about(output: Output, allowed: Allowed) -> tuple[str, str, str]:
    """Return target, what it is, and the problem with it."""
    target = output.target
    if target.startswith("/"):
        path = target.removesuffix(" (deleted)")
        for known, what in allowed.files.items():
            if path == str(known) or path.startswith(f"{known}/"):
                return str(known), what, ""
        return path, "a file", "nobody said that this file is written"
    for beginning, what in allowed.channels.items():
        if target.startswith(beginning):
            return beginning, what, ""
    peer = target.split("->")[-1].rstrip("]")
    if target.startswith("UNIX"):
        return target.split("->")[0], "a local channel", ""
    if _LOOPBACK.search(peer):
        return "loopback", "answers to this machine's own readers", ""
    return target, "a connection", "nobody said that it connects there"


def _is_answer(content: bytes, target: str) -> bool:
    """Return whether this is the answer to a press over HTTP, or on the page."""
    told = b'"press":' in content and b'"texts":' in content
    return target == "loopback" and told and b"tvradar/" not in content


def _secret_in(content: bytes, target: str, allowed: Allowed) -> str:
    if allowed.secret and target != "loopback" and allowed.secret in content:
        return "the name that a viewer typed is in it"
    return ""


def _picture_in(content: bytes) -> str:
    for magic, name in _PICTURES.items():
        if magic in content[:64]:
            return f"{name} picture, film or sound is in it"
    return (
        "a long row of numbers, as an embedding would be, is in it"
        if _VECTOR.search(content)
        else ""
    )
