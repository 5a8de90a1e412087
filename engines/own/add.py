"""An embedder of the user's own: from an ONNX file to an entry of the catalog on this machine.

The file is looked at in a process with limits before it is parsed here. What is kept is a graph in
the common form (`data`, 0 to 255, in the network's colour order), held by its sha256, which is in
its version too: a gallery belongs to these bytes.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from engines.align import CHIP_SIZE_PX
from engines.catalog import Model, Source, added_dir, load_catalog
from engines.embedder import Embedder
from engines.errors import ModelShapeError
from engines.fetch import fp32_path
from engines.files import write_atomically
from engines.foreign_onnx import checked_in_subprocess
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

NAME = re.compile(r"[a-z][a-z0-9_]{1,31}")
DIMENSIONS = range(16, 4097)
VERSION_DIGITS = 12
SAME = 1e-3
"""A face alone and in a batch of two may differ by this."""


def add_embedder(
    file: Path,
    name: str,
    *,
    colour_order: Literal["rgb", "bgr"],
    licence: str,
    homepage: str = "",
    mean: float = 127.5,
    std: float = 127.5,
) -> Model:
    """Put an ONNX file into this machine's catalog; return its entry.

    Args:
        file: a graph with one input, (N, 3, 112, 112), and one output, (N, dimension).
        name: what `--embedder` will call it.
        colour_order: what the network takes.
        licence: of the weights, for the user to know.
        homepage: where it is from.
        mean: the network takes (value - mean) / std of the values 0 to 255.
        std: see `mean`.

    Raises:
        ModelIntegrityError: the file is no graph that may be run.
        ModelShapeError: it is no embedder of aligned faces, or the name is taken.
    """
    shipped = load_catalog().get(name)
    if not NAME.fullmatch(name) or (shipped is not None and shipped.source.registry != "file"):
        raise ModelShapeError(
            f"name {name!r}: taken or not usable, expected a new name of 2 to 32 letters a-z, "
            "digits and _"
        )
    data = checked_in_subprocess(file)
    graph, dimension = _common_form(file, data, mean, std)
    sha256 = hashlib.sha256(graph).hexdigest()
    source = hashlib.sha256(data).hexdigest()
    model = Model(
        version=sha256[:VERSION_DIGITS],
        task="embedder",
        licence=licence,
        homepage=homepage,
        family="added",
        fp32_sha256=sha256,
        source=Source(file.name, source, file.name, source, registry="file"),
        dimension=dimension,
        colour_order=colour_order,
        alignment="arcface-112",
        optional=True,
    )
    path = fp32_path(name, model)
    write_atomically(path, graph)
    try:
        _try_out(file, path, model)
    except ModelShapeError:
        path.unlink()
        raise
    write_atomically(added_dir() / f"{name}.json", msgspec.json.encode(model))
    return model


def _common_form(file: Path, data: bytes, mean: float, std: float) -> tuple[bytes, int]:
    """Return the graph with an input `data` of values 0 to 255, and the embedding's length."""
    import onnx  # noqa: PLC0415 - 10 MB that a device never needs

    model = onnx.load_from_string(data)
    constants = {item.name for item in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise ModelShapeError(
            f"{file}: {len(inputs)} inputs and {len(model.graph.output)} outputs, expected one "
            "input of faces and one output of embeddings"
        )
    sides, out = _sides(inputs[0]), _sides(model.graph.output[0])
    if len(sides) != 4 or sides[1] != 3 or any(s not in (0, CHIP_SIZE_PX) for s in sides[2:]):
        raise ModelShapeError(f"{file}: takes {sides}, expected faces (N, 3, 112, 112)")
    if len(out) != 2 or out[1] not in DIMENSIONS:
        raise ModelShapeError(f"{file}: gives {out}, expected embeddings (N, 16 to 4096)")
    if not std > 0:
        raise ModelShapeError(f"std: {std}, expected a number above 0")
    _normalise(model, inputs[0], mean, std)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True), out[1]


def _sides(value: onnx.ValueInfoProto) -> list[int]:
    """Return the sides of a tensor, 0 where one is free."""
    return [int(dim.dim_value) for dim in value.type.tensor_type.shape.dim]


def _normalise(model: onnx.ModelProto, faces: onnx.ValueInfoProto, mean: float, std: float) -> None:
    """Let the graph take `data`; its own input becomes (data - mean) / std."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    old, graph = faces.name, model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    prefix = "tvradar"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    for node in graph.node:
        node.input[:] = [f"{prefix}_faces" if name == old else name for name in node.input]
        node.input[:] = [f"{prefix}_data" if name == "data" else name for name in node.input]
        node.output[:] = [f"{prefix}_data" if name == "data" else name for name in node.output]
    for value, name in ((mean, "mean"), (std, "std")):
        constant = np.array(value, np.float32)
        graph.initializer.append(numpy_helper.from_array(constant, f"{prefix}_{name}"))
    nodes = [
        helper.make_node("Sub", ["data", f"{prefix}_mean"], [f"{prefix}_centred"]),
        helper.make_node("Div", [f"{prefix}_centred", f"{prefix}_std"], [f"{prefix}_faces"]),
        *graph.node,
    ]
    del graph.node[:]
    graph.node.extend(nodes)
    sides: list[str | int | None] = ["N", 3, CHIP_SIZE_PX, CHIP_SIZE_PX]
    kept = [value for value in graph.input if value.name != old]
    del graph.input[:], graph.value_info[:]
    graph.input.extend([helper.make_tensor_value_info("data", TensorProto.FLOAT, sides), *kept])
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "N"


def _try_out(file: Path, path: Path, model: Model) -> None:
    """Embed two faces of noise, together and alone."""
    chips = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    engine = OnnxRuntimeEngine(path, threads=1)
    embedder = Embedder(engine, dimension=model.dimension, colour_order=model.colour_order)
    try:
        both = embedder.embed(chips)
        alone = np.concatenate([embedder.embed(chips[k : k + 1]).vectors for k in (0, 1)])
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no public base class
        why = str(error).splitlines()[0][:200]
        raise ModelShapeError(
            f"{file}: does not take two faces at once ({why}); export it with a free first axis"
        ) from None
    finally:
        engine.close()
    vectors = both.vectors
    if vectors.shape != (2, model.dimension) or not np.isfinite(vectors).all():
        raise ModelShapeError(f"{file}: gives {list(vectors.shape)} or no numbers for noise")
    if np.abs(vectors - alone).max() > SAME or np.abs(vectors[0] - vectors[1]).max() < SAME:
        raise ModelShapeError(
            f"{file}: a face's embedding hangs on the faces beside it, or all faces have one; "
            "export it for inference, and check --mean and --std"
        )
