"""What a process wrote and sent, as the kernel saw it: strace's record, read back.

Source: strace(1), options -ff (one file per thread, so that calls are whole lines), -yy (paths and
addresses of descriptors), -s (bytes kept of each buffer).
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import ToolMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT_BYTES = 4096
"""This much of each buffer is looked at; enough for the first bytes of any picture."""
_CALLS = (
    "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,"
    "copy_file_range,mmap,connect,memfd_create"
)
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+|0x[0-9a-f]+)")
_TARGET = re.compile(r"\d+<((?:[^>]|(?<=-)>)*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Output:
    """Bytes that left a process.

    Attributes:
        call: the system call.
        target: the path of a file, or `TCP:[from->to]` and the like.
        size: bytes, 0 where the kernel does not tell, as for a shared mapping.
        content: their beginning, at most `KEPT_BYTES` of each buffer.
    """

    call: str
    target: str
    size: int
    content: bytes


def strace_command(record: Path) -> list[str]:
    """Return what goes before a command so that its output is recorded under a file prefix.

    Raises:
        ToolMissingError: strace is not installed.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise ToolMissingError("strace: not found, expected it; apt-get install strace")
    options = f"-ff -qq -yy -x -s {KEPT_BYTES} -e signal=none -e trace={_CALLS} -o {record}"
    return [strace, *options.split()]


def read_record(record: Path) -> Iterator[Output]:
    """Yield what all threads of a record wrote and sent; failed calls wrote nothing."""
    for file in sorted(record.parent.glob(record.name + ".*")):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                found = parse(line)
                if found is not None:
                    yield found


def parse(line: str) -> Output | None:
    """Return what a line of the record tells, None when nothing left the process."""
    match = _CALL.match(line)
    if match is None:
        return None
    call, arguments, result = match.groups()
    target = _TARGET.search(arguments)
    if call == "mmap":
        if "PROT_WRITE" not in arguments or "MAP_SHARED" not in arguments or target is None:
            return None
        return Output(call, target.group(1), 0, b"")
    if call == "connect":
        return _connected(arguments, target.group(1) if target else "")
    if target is None or int(result, 0) < 0:
        return None
    written = target.group(1)
    if call in {"sendfile", "splice", "copy_file_range"}:
        written = _TARGET.findall(arguments)[0 if call == "sendfile" else -1]
    content = b"".join(_unescaped(text) for text in _TEXT.findall(arguments))
    return Output(call, written, int(result, 0), content)


def _connected(arguments: str, target: str) -> Output | None:
    path = re.search(r'sun_path=(@?"[^"]*")', arguments)
    if path:
        return Output("connect", f"UNIX:{path.group(1)}", 0, b"")
    host = re.search(r'(?:inet_addr|inet_pton)\((?:AF_INET6, )?"([^"]+)"', arguments)
    port = re.search(r"sin6?_port=htons\((\d+)\)", arguments)
    if host and port and port.group(1) != "0":
        return Output(
            "connect", f"{target.partition(':')[0]}:[{host.group(1)}]:{port.group(1)}", 0, b""
        )
    return None


def _unescaped(text: str) -> bytes:
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace")
