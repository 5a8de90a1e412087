"""Dashboard and alert rules name metrics that the device has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.serve.metrics import Metrics
from gallery.channel.status import Status, StatusFile

if TYPE_CHECKING:
    from prometheus_client import Metric

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "monitoring"
NAME = re.compile(r"\btvradar_[a-z0-9_]+")


@pytest.fixture
def metrics(tmp_path: Path) -> list[Metric]:
    """Return all metrics of a device with an updater."""
    status = tmp_path / "status.json"
    StatusFile(status).write(Status("tv"))
    found = Metrics()
    found.watch_updater(status)
    return list(found.registry.collect())


def _known(metrics: list[Metric]) -> set[str]:
    """Return all names of series that can be asked for, of counters and histograms too."""
    known = set()
    for metric in metrics:
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        known |= {metric.name + end for end in ends.get(metric.type, ("",))}
    return known


def test_rules_and_panels_ask_for_what_there_is(metrics: list[Metric]) -> None:
    text = (FOLDER / "alerts.yml").read_text()
    rules = set(NAME.findall(" ".join(re.findall(r"expr: (.*)", text))))
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    shown = {
        name for p in dashboard["panels"] for t in p["targets"] for name in NAME.findall(t["expr"])
    }
    assert len(rules) > 5
    assert rules | shown <= _known(metrics)


def test_every_metric_has_a_panel(metrics: list[Metric]) -> None:
    text = (FOLDER / "dashboard.json").read_text()
    assert {m.name for m in metrics if m.name not in text} == set()


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
