"""Dashboard and alert rules name metrics that the device has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.serve.metrics import Metrics

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "monitoring"
NAME = re.compile(r"\btvradar_[a-z0-9_]+")


def _known() -> set[str]:
    """Return all names of series that can be asked for, of counters and histograms too."""
    known = set()
    for metric in Metrics().registry.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        known |= {metric.name + end for end in ends.get(metric.type, ("",))}
    return known


def test_rules_and_panels_ask_for_what_there_is() -> None:
    text = (FOLDER / "alerts.yml").read_text()
    rules = set(NAME.findall(" ".join(re.findall(r"expr: (.*)", text))))
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    shown = {
        name for p in dashboard["panels"] for t in p["targets"] for name in NAME.findall(t["expr"])
    }
    assert len(rules) > 5
    assert rules | shown <= _known()


def test_every_metric_has_a_panel() -> None:
    text = (FOLDER / "dashboard.json").read_text()
    assert {m.name for m in Metrics().registry.collect() if m.name not in text} == set()


def test_prometheus_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: apt-get install prometheus")
    ran = subprocess.run(
        [promtool, "check", "rules", str(FOLDER / "alerts.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
