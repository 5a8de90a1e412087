"""An ONNX file of the user's own: looked at in a process with limits before it is parsed here.

Protobuf and ONNX Runtime are large parsers of bytes that anybody may have made. What they do with
them - end the process, ask for all memory, read a file that the graph names as its weights - is
found out where it costs nothing: in a process with bounds on memory, time, files and descriptors.
Files of ours are compared with their sha256 instead, before anything reads them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from engines.errors import ModelIntegrityError, ModelMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx

MOST_BYTES = 1 << 30
MOST_MEMORY = 4 << 30
MOST_TENSOR_BYTES = 2 << 30
SECONDS = 60
_LOOK = "import sys; from engines.foreign_onnx import look; sys.exit(look(sys.argv[1]))"


def check_foreign(path: Path) -> None:
    """Return when a file is an ONNX graph of sane size, with all its weights in itself.

    Raises:
        ModelMissingError: there is no such file.
        ModelIntegrityError: it is no such graph; the message says what was found.
    """
    if not path.is_file():
        raise ModelMissingError(f"{path}: no such file, expected an ONNX graph")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ModelIntegrityError(f"{path}: {size} bytes, expected at most {MOST_BYTES}")
    command = [sys.executable, "-I", "-c", _LOOK, str(path.resolve())]
    try:
        ran = subprocess.run(  # noqa: S603 - our own words and a path
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
            preexec_fn=_limit,
        )
    except subprocess.TimeoutExpired:
        raise ModelIntegrityError(
            f"{path}: not read in {SECONDS} s, expected an ONNX graph; do not use it"
        ) from None
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or [f"the parser ended with {ran.returncode}"]
        raise ModelIntegrityError(f"{path}: {ascii(lines[-1])[1:301]}; do not use it")


def _limit() -> None:
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def look(path: str) -> str | None:
    """Return what is wrong with a graph, or None; the entry of the process with limits."""
    import onnx  # noqa: PLC0415

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # noqa: BLE001 - a foreign library, and a process for just this
        return f"is no ONNX graph ({type(error).__name__})"
    if not model.graph.node or not model.graph.output:
        return "is no ONNX graph: nothing is computed in it"
    return next(_problems(model), None) or _deep(model)


def _problems(model: onnx.ModelProto) -> Iterator[str]:
    from onnx import external_data_helper as external  # noqa: PLC0415

    for tensor in external._get_all_tensors(model):  # noqa: SLF001 - also those of subgraphs
        if external.uses_external_data(tensor):
            yield f"tensor {tensor.name[:80]!a} is in another file, expected all in this one"
        elements = 1
        for side in tensor.dims:
            elements *= max(int(side), 0)
            if side < 0 or elements * 4 > MOST_TENSOR_BYTES:
                yield f"tensor {tensor.name[:80]!a} has the sides {list(tensor.dims)[:8]}"
                break


def _deep(model: onnx.ModelProto) -> str | None:
    import onnx  # noqa: PLC0415

    try:
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001
        return f"is no valid graph ({str(error).splitlines()[0][:200]})"
    return None
