"""Models as ONNX Runtime has optimised them for this machine, kept so that it is done once.

To optimise SFace while it is loaded takes 0.3 s and 200 MB at each start; to load what it became
takes 0.1 s and 90 MB. A prepared file is made by a process of its own, so that the caller's memory
never peaks, compared there with the model that it was made from, and used with a note of its
sha256. It depends on the library and the processor, which are part of its name.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engines.fetch import sha256_of
from engines.files import cache_dir, write_atomically
from engines.foreign_onnx import read_known

log = logging.getLogger(__name__)

FORM_REVISION = 1
"""Raised when `fast_form` writes other bytes, so that old files are not used."""
MAKING_S = 120.0
FREE_SIDE_PX = 128
"""Stands for a free height or width when a prepared file is compared with its model."""
TOLERANCE = 1e-3
_MAKE = "import sys; from engines.ort_cache import make; make(*sys.argv[1:])"


def prepared(path: Path, precision: str) -> Path | None:
    """Return the prepared form of a model; made when missing, None when it cannot be made.

    Args:
        path: an ONNX file, FP32 or Q/DQ INT8; what is not known by its sha256 is looked at first.
        precision: of the file.
    """
    target = prepared_path(path, precision)
    # an installer may have made it beside the models that it brought
    shipped = path.parent.parent / target.parent.name / target.name
    for made in (target, shipped):
        if _is_whole(made):
            return made
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-c", _MAKE, str(path), precision, str(target)]
        subprocess.run(  # noqa: S603
            command, check=True, timeout=MAKING_S, capture_output=True, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        told = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        log.info("%s: optimised again at each start (%s)", path.name, "".join(told))
        return None
    return target if _is_whole(target) else None


def _is_whole(path: Path) -> bool:
    """Return whether a prepared file still has the sha256 that was noted when it was made."""
    try:
        return sha256_of(path) == path.with_suffix(".sha256").read_text(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return False


def prepared_path(path: Path, precision: str) -> Path:
    """Return where the prepared form of a model is, whether or not it is there yet."""
    state = path.stat()
    parts = [path.name, state.st_size, state.st_mtime_ns, precision]
    parts += [FORM_REVISION, ort.__version__, platform.machine(), _processor()]
    key = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
    return cache_dir() / "prepared" / f"{path.stem}-{key}.onnx"


def make(path: str, precision: str, target: str) -> None:
    """Optimise a model and write it; the entry of the process that does so.

    Raises:
        ValueError: the outputs are not those of the model.
    """
    source, wanted = Path(path), Path(target)
    data = fast_form(source, precision)
    handle, scratch = tempfile.mkstemp(dir=wanted.parent, prefix=".making-", suffix=".onnx")
    os.close(handle)
    try:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = scratch
        reference = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        options = prepared_options()
        options.log_severity_level = 3
        made = ort.InferenceSession(scratch, options, providers=["CPUExecutionProvider"])
        _compare(reference, made)
        optimised = Path(scratch).read_bytes()
    finally:
        Path(scratch).unlink(missing_ok=True)
    for old in wanted.parent.glob(f"{source.stem}-*"):
        old.unlink(missing_ok=True)
    digest = hashlib.sha256(optimised).hexdigest()
    write_atomically(wanted.with_suffix(".sha256"), digest.encode())
    write_atomically(wanted, optimised)


def prepared_options() -> ort.SessionOptions:
    """Return options that take a prepared file as it is."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def fast_form(path: Path, precision: str) -> bytes:
    """Return the graph in the form that ONNX Runtime runs fastest; same inputs, same outputs."""
    import onnx  # noqa: PLC0415

    from engines.onnx_models.float_ops import split_prelu  # noqa: PLC0415
    from engines.onnx_models.graph import Graph  # noqa: PLC0415
    from engines.onnx_models.integer_ops import (  # noqa: PLC0415
        UnknownFormError,
        integer_form,
        machine_offsets,
    )

    model = onnx.load_from_string(read_known(path))
    if precision == "int8":
        try:
            model = integer_form(model, machine_offsets())
        except UnknownFormError as error:
            log.warning("%s: runs in float (%s)", path.name, error)
    graph = Graph.of(model)
    if split_prelu(graph):  # of an INT8 file, in the layers that stay in float
        model = graph.model(check=False)
    return bytes(model.SerializeToString())


def _compare(reference: ort.InferenceSession, made: ort.InferenceSession) -> None:
    random = np.random.default_rng(0)
    inputs = {}
    for value in reference.get_inputs():
        free = [1, *[FREE_SIDE_PX] * (len(value.shape) - 1)]
        shape = [n if isinstance(n, int) else f for n, f in zip(value.shape, free, strict=True)]
        inputs[value.name] = random.integers(0, 256, shape).astype(np.float32)
    expected, found = (session.run(None, inputs) for session in (reference, made))
    for want, have in zip(expected, found, strict=True):
        scale = max(float(np.abs(want).max()), 1e-6)
        if want.shape != have.shape or not np.abs(want - have).max() <= TOLERANCE * scale:
            raise ValueError("the optimised graph gives other outputs")


def _processor() -> str:
    """Return what tells one kind of processor from another: the instructions that it knows."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor()
    lines = [x for x in text.splitlines() if x.startswith(("flags", "Features", "CPU part"))]
    return "\n".join(sorted(set(lines)))
