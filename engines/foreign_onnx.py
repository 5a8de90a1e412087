"""ONNX files: ours by their sha256, or looked at in a process with limits before they are parsed.

Protobuf and ONNX Runtime are large parsers of bytes that anybody may have made. What they do with
them - end the process, ask for all memory, read a file that the graph names as its weights, run
without end - is found out where it costs nothing: in a process with bounds on memory, time, files
and descriptors. Each function reads a file once and returns the bytes that it judged, so that
nobody can put another file there in between.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from engines.catalog import load_catalog
from engines.errors import ModelIntegrityError, ModelMissingError
from engines.int8_files import noted_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx
    from google.protobuf.message import Message  # type: ignore[import-untyped]

MOST_BYTES = 1 << 30
MOST_MEMORY = 4 << 30
MOST_TENSOR_BYTES = 2 << 30
SECONDS = 60
FREE_SIDE = 128
"""Stands for a free side of an input when a graph is run for the first time."""
_LOOK = "import sys; from engines.foreign_onnx import look; sys.exit(look(sys.argv[1]))"


def read_known(path: Path) -> bytes:
    """Return an ONNX file's bytes: ours by their sha256, or taken by `checked_in_subprocess`.

    Ours are the FP32 graphs of the catalog, and what the verdict beside an INT8 file names.

    Raises:
        ModelMissingError: there is no such file.
        ModelIntegrityError: it is not ours, and no graph of sane size.
    """
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if any(found == model.fp32_sha256 for model in load_catalog().values()):
        return data
    if found == noted_sha256(path):
        return data
    _check(path, data, SECONDS)
    return data


def checked_in_subprocess(path: Path, seconds: float = SECONDS) -> bytes:
    """Return an ONNX file's bytes after a process with limits has parsed, loaded and run them.

    Args:
        path: the file.
        seconds: how long that process may live.

    Raises:
        ModelMissingError: there is no such file.
        ModelIntegrityError: it is no graph of sane size with all its weights in itself, or ONNX
            Runtime does not run it within the limits; the message says what was found.
    """
    data = _read(path)
    _check(path, data, seconds)
    return data


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ModelMissingError(f"{path}: no such file, expected an ONNX graph")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ModelIntegrityError(f"{path}: more bytes than {MOST_BYTES}, expected a smaller graph")
    return data


def _check(path: Path, data: bytes, seconds: float) -> None:
    memory = os.memfd_create("model")
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(data)
        command = [sys.executable, "-I", "-c", _LOOK, f"/proc/self/fd/{memory}"]
        ran = subprocess.run(  # noqa: S603 - our own words and a number
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            pass_fds=(memory,),
            preexec_fn=_limit,
        )
    except subprocess.TimeoutExpired:
        raise ModelIntegrityError(
            f"{path}: not run in {seconds:g} s, expected an ONNX graph; do not use it"
        ) from None
    finally:
        os.close(memory)
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() if ran.returncode == 1 else []
        why = lines[-1] if lines else f"the process that ran it ended with {ran.returncode}"
        raise ModelIntegrityError(f"{path}: {ascii(why)[1:-1][:300]}; do not use it")


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
    return next(_problems(model), None) or _deep(model) or _run(model)


def _problems(model: onnx.ModelProto) -> Iterator[str]:
    from onnx import TensorProto  # noqa: PLC0415

    for tensor in _tensors(model):
        if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
            yield f"tensor {tensor.name[:80]!a} is in another file, expected all in this one"
        elements = 1
        for side in tensor.dims:
            elements *= max(int(side), 0)
            if side < 0 or elements * 4 > MOST_TENSOR_BYTES:
                yield f"tensor {tensor.name[:80]!a} has the sides {list(tensor.dims)[:8]}"
                break


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Yield all tensors, wherever they are: in subgraphs, functions, attributes, sparse ones."""
    from google.protobuf.message import Message  # noqa: PLC0415
    from onnx import TensorProto  # noqa: PLC0415

    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in (value,) if isinstance(value, Message) else value:
                if isinstance(inner, TensorProto):
                    yield inner
                else:
                    yield from _tensors(inner)


def _deep(model: onnx.ModelProto) -> str | None:
    import onnx  # noqa: PLC0415

    try:
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001
        return f"is no valid graph ({str(error).splitlines()[0][:200]})"
    return None


def _run(model: onnx.ModelProto) -> str | None:
    """Load and run once: constants are folded at the first, loops and sizes show at the second."""
    import numpy as np  # noqa: PLC0415
    import onnxruntime as ort  # noqa: PLC0415

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        inputs = {}
        for value in session.get_inputs():
            if value.type != "tensor(float)":
                return f"takes {value.type}, expected tensor(float)"
            free = [1, *[FREE_SIDE] * (len(value.shape) - 1)]
            pairs = zip(value.shape, free, strict=False)  # a scalar has no side
            sides = [n if isinstance(n, int) else f for n, f in pairs]
            inputs[value.name] = np.zeros(sides, np.float32)
        session.run(None, inputs)
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no public base class
        return f"does not run ({str(error).splitlines()[0][:200]})"
    return None
