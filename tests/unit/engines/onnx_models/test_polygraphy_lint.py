from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from edge.cli.engines_list import findings_of
from engines.onnx_models.polygraphy_lint import is_here, polygraphy_lint

ROOT = Path(__file__).resolve().parents[4]

pytestmark = pytest.mark.skipif(not is_here(), reason="polygraphy is not installed")


def test_a_sound_graph_has_no_findings(small) -> None:
    assert polygraphy_lint(small.network()) == []


def test_a_graph_that_was_not_judged_in_time_is_a_finding(small) -> None:
    (finding,) = polygraphy_lint(small.network(), seconds=0.01)
    assert "not done after 0.01 s" in finding.problem


def test_a_model_is_held_to_what_runs_it_and_given_the_height_that_it_takes() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"], "48 rows")]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [3], [3, 48, 192])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    assert findings_of(model, "text-recogniser") == []
    told = " ".join(finding.problem for finding in findings_of(model, None))
    assert "opset 12" in told
    assert "reshaped" in told


def test_the_node_that_cannot_be_run_is_named() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "fine"),
        helper.make_node("Reshape", ["a", "shape"], ["y"], "wrong"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [5, 7])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (finding,) = polygraphy_lint(model)
    assert finding.node == "wrong"
    assert "reshaped" in finding.problem


def test_the_devices_script_asks_polygraphy_for_every_layer() -> None:
    """Polygraphy writes what it would run; TensorRT is not asked."""
    script = (ROOT / "tools" / "jetson_bench.sh").read_text().replace("\\\n", "")
    (words,) = re.findall(r"main\(\)\)' +(run .*?) +>", script)
    code = "import sys; from polygraphy.tools import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        *shlex.split(words.replace("$model", "model.onnx")),
        "--gen",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "TrtRunner(" in done.stdout
    assert done.stdout.count("outputs=constants.MARK_ALL") == 2
