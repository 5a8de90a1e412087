"""Dashboard and alert rules name metrics that the device has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
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
    told = StatusFile(status)
    told.write(Status("tv"))
    found = Metrics()
    found.watch_updater(status)
    collected = list(found.registry.collect())
    told.close()
    return collected


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
    old_names = {"tvradar_spending_level"}
    assert {m.name for m in metrics if m.name not in text} == old_names


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


def test_what_an_updater_told_before_it_died_counts_no_more(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    code = (
        "import pathlib, sys, time; from gallery.channel.status import Status, StatusFile\n"
        "StatusFile(pathlib.Path(sys.argv[1])).write(Status('tv', wanted=4))\n"
        "print('told', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as updater:
        assert updater.stdout
        assert updater.stdout.readline() == b"told\n"
        metrics = Metrics()
        metrics.watch_updater(path)
        assert metrics.registry.get_sample_value("tvradar_sync_wanted_release") == 4
        updater.kill()
        updater.wait()
        assert metrics.registry.get_sample_value("tvradar_sync_up") == 0
        assert metrics.registry.get_sample_value("tvradar_sync_wanted_release") is None
    again = StatusFile(path)
    again.write(Status("tv", wanted=5))
    assert metrics.registry.get_sample_value("tvradar_sync_up") == 1
    again.close()
    again.close()
    assert metrics.registry.get_sample_value("tvradar_sync_up") == 0


def test_what_is_on_the_screen_is_told_as_it_is_when_asked() -> None:
    metrics = Metrics()
    assert metrics.registry.get_sample_value("tvradar_picture_age_seconds") == float("inf")
    age_s, people = [0.5], [3]
    metrics.watch_screen(lambda: age_s[0], lambda: people[0])
    assert metrics.registry.get_sample_value("tvradar_people_on_screen") == 3
    age_s[0], people[0] = 60.0, 0
    assert metrics.registry.get_sample_value("tvradar_people_on_screen") == 0
    assert metrics.registry.get_sample_value("tvradar_picture_age_seconds") == 60
