"""A file of the user's own is looked at elsewhere first; what is no graph is never parsed here."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelIntegrityError, ModelMissingError
from engines.foreign_onnx import check_foreign


def graph(*initialisers: onnx.TensorProto) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    made = helper.make_graph(nodes, "g", [value], [out], list(initialisers))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


def test_a_graph_of_its_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(graph(numpy_helper.from_array(np.ones(3, np.float32), "w")), path)
    check_foreign(path)


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    path.write_bytes(graph(tensor).SerializeToString())
    with pytest.raises(ModelIntegrityError, match="in another file"):
        check_foreign(path)


def test_a_tensor_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 20])
    path.write_bytes(graph(tensor).SerializeToString())
    with pytest.raises(ModelIntegrityError, match="has the sides"):
        check_foreign(path)


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 1000, b"GIF89a", b"\x08\x08", b"\x3a\x00" * 10_000]
)
def test_bytes_that_are_no_graph_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m\x1b.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelIntegrityError, match="do not use it"):
        check_foreign(path)


def test_no_file_and_no_plain_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        check_foreign(tmp_path / "none.onnx")
    with pytest.raises(ModelMissingError):
        check_foreign(tmp_path)
