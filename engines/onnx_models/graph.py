"""An ONNX graph that can be edited: nodes in order, constants as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

IR_VERSION = 8
"""What ONNX Runtime 1.23 and TensorRT 10.3 read."""


@dataclass
class Graph:
    """Nodes in topological order, and the arrays that they refer to by name.

    Attributes:
        nodes: the nodes; edit the list freely, `model()` checks the result.
        constants: initializers by name.
        inputs: the graph's inputs, without initializers.
        outputs: the graph's outputs.
        domains: opset version by domain.
        metadata: the model's own key-value pairs.
    """

    nodes: list[onnx.NodeProto]
    constants: dict[str, NDArray[np.generic]]
    inputs: list[onnx.ValueInfoProto]
    outputs: list[onnx.ValueInfoProto]
    domains: dict[str, int] = field(default_factory=lambda: {"": 17})
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: onnx.ModelProto) -> Graph:
        """Read a model; it is not changed."""
        copied = onnx.ModelProto()
        copied.CopyFrom(model)
        constants = {i.name: numpy_helper.to_array(i) for i in copied.graph.initializer}
        return cls(
            list(copied.graph.node),
            constants,
            [i for i in copied.graph.input if i.name not in constants],
            list(copied.graph.output),
            {o.domain: o.version for o in copied.opset_import},
            {p.key: p.value for p in copied.metadata_props},
        )

    def model(self, *, check: bool = True) -> onnx.ModelProto:
        """Write a model; constants that no node reads are left out."""
        used = dict.fromkeys(name for node in self.nodes for name in node.input)
        arrays = [n for n in used if n in self.constants]
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "tvradar",
                self.inputs,
                self.outputs,
                [numpy_helper.from_array(np.asarray(self.constants[n]), n) for n in arrays],
            ),
            opset_imports=[helper.make_opsetid(d, v) for d, v in sorted(self.domains.items())],
            producer_name="tvradar",
        )
        model.ir_version = IR_VERSION
        for key in sorted(self.metadata):
            model.metadata_props.add(key=key, value=self.metadata[key])
        if check:
            onnx.checker.check_model(model, full_check=True)
        return model

    def producers(self) -> dict[str, onnx.NodeProto]:
        """Map each tensor to the node that computes it."""
        return {name: node for node in self.nodes for name in node.output}

    def consumers(self) -> dict[str, list[onnx.NodeProto]]:
        """Map each tensor to the nodes that read it, each node once."""
        found: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                found.setdefault(name, []).append(node)
        return found

    def output_names(self) -> set[str]:
        """Return the names of the graph's outputs."""
        return {o.name for o in self.outputs}

    def rename_reads(self, old: str, new: str) -> None:
        """Let every node that read `old` read `new`."""
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def integer(node: onnx.NodeProto, name: str, default: int) -> int:
    """Return one integer attribute."""
    value = attributes(node).get(name, default)
    return value if isinstance(value, int) else default
