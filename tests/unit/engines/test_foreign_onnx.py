"""A file that is not ours is looked at elsewhere first; no other graph is parsed here."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelIntegrityError, ModelMissingError
from engines.fetch import fetch
from engines.foreign_onnx import checked_in_subprocess, read_known
from engines.int8_files import Verdict, verdict_path
from engines.onnxruntime_engine import OnnxRuntimeEngine

NODES = [helper.make_node("Identity", ["x"], ["y"])]


def graph(
    *initialisers: onnx.TensorProto,
    nodes: list[onnx.NodeProto] = NODES,
    kind: int = TensorProto.FLOAT,
    functions: list[onnx.FunctionProto] | None = None,
) -> bytes:
    value = helper.make_tensor_value_info("x", kind, [1])
    out = helper.make_tensor_value_info("y", kind, ["n"])
    made = helper.make_graph(nodes, "g", [value], [out], list(initialisers))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(made, opset_imports=opsets, functions=functions or [])
    return model.SerializeToString()


def elsewhere(place: str = "../../etc/passwd", name: str = "w") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def constant(tensor: onnx.TensorProto, output: str = "y") -> onnx.NodeProto:
    return helper.make_node("Constant", [], [output], value=tensor)


def in_a_branch() -> bytes:
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n"])
    branch = helper.make_graph([constant(elsewhere(), "b")], "b", [], [out])
    truth = numpy_helper.from_array(np.array(True), "c")  # noqa: FBT003 - the condition
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    return graph(truth, nodes=nodes)


def in_a_function() -> bytes:
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_function("own", "f", [], ["b"], [constant(elsewhere(), "b")], opset)
    return graph(nodes=[helper.make_node("f", [], ["y"], domain="own")], functions=[made])


def of_shape(*sides: int) -> bytes:
    shape = numpy_helper.from_array(np.array(sides, np.int64), "s")
    return graph(shape, nodes=[helper.make_node("ConstantOfShape", ["s"], ["y"])])


def endless() -> bytes:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["v", "v"], ["w"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]),
        ],
    )
    return graph(nodes=[helper.make_node("Loop", ["", "", "x"], ["y"], body=body)])


HUGE = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 20])
SPARSE = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40])
GRAPHS: dict[str, tuple[bytes, str]] = {
    "weights elsewhere": (graph(elsewhere()), "in another file"),
    "an absolute path": (graph(elsewhere("/etc/passwd")), "in another file"),
    "in an attribute": (graph(nodes=[constant(elsewhere())]), "in another file"),
    "in a branch": (in_a_branch(), "in another file"),
    "in a function": (in_a_function(), "in another file"),
    "a tensor without end": (graph(HUGE), "has the sides"),
    "as an attribute": (graph(nodes=[constant(SPARSE)]), "has the sides"),
    "a shape without end": (of_shape(1 << 17, 1 << 17), "does not run"),
    "no such operator": (graph(nodes=[helper.make_node("Own", ["x"], ["y"])]), "no valid graph"),
    "integers": (graph(kind=TensorProto.INT64), "expected tensor"),
    "a file cut short": (
        graph(numpy_helper.from_array(np.ones(3, np.float32), "w"))[:-12],
        "is no ONNX graph",
    ),
    "nothing": (b"", "is no ONNX graph"),
    "ones": (b"\xff" * 1000, "is no ONNX graph"),
    "a picture": (b"GIF89a", "is no ONNX graph"),
    "a version only": (b"\x08\x08", "nothing is computed"),
    "empty graphs": (b"\x3a\x00" * 10_000, "nothing is computed"),
}


@pytest.mark.parametrize("kind", GRAPHS)
def test_what_is_no_sane_graph_is_refused(tmp_path: Path, kind: str) -> None:
    """Also by whoever opens it as an engine: nothing of it is parsed in this process."""
    data, why = GRAPHS[kind]
    path = tmp_path / "m\x1b.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelIntegrityError, match=rf"{why}.*do not use it"):
        OnnxRuntimeEngine(path)


def test_a_loop_without_end_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(endless())
    with pytest.raises(ModelIntegrityError, match="not run in 2 s"):
        checked_in_subprocess(path, seconds=2)


def test_a_graph_of_its_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    data = graph(numpy_helper.from_array(np.ones(3, np.float32), "w"))
    path.write_bytes(data)
    assert checked_in_subprocess(path) == data
    assert OnnxRuntimeEngine(path).run({"x": np.ones(1, np.float32)})["y"] == 1


def test_ours_is_known_by_its_hash_and_by_its_verdict(tmp_path: Path) -> None:
    """Known bytes need no process; the same name with other bytes does."""
    path = tmp_path / "m.onnx"
    ours = fetch("yunet").read_bytes()
    path.write_bytes(ours)
    assert read_known(path) == ours
    path.write_bytes(b"bytes that a verdict names")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    verdict = Verdict(file_sha256=digest, passed=True, failures=(), figures={})
    verdict_path(path).write_bytes(msgspec.json.encode(verdict))
    assert read_known(path) == b"bytes that a verdict names"
    verdict_path(path).write_bytes(b'{"file_sha256":"\xff"}')  # a disk that rots
    with pytest.raises(ModelIntegrityError):
        read_known(path)
    verdict_path(path).write_bytes(msgspec.json.encode(verdict))
    path.write_bytes(b"other bytes")
    with pytest.raises(ModelIntegrityError):
        read_known(path)


def test_no_file_and_no_plain_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path, Path("/dev/zero")):
        with pytest.raises(ModelMissingError):
            checked_in_subprocess(path)
