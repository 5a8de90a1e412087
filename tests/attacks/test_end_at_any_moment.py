"""SIGTERM and SIGHUP end every process of ours within 5 s, at any moment; 100 by hand."""

from tests.integration.conftest import tool
from tests.integration.demo_process import material


def test_processes_end_within_five_seconds() -> None:
    material()
    ran = tool("end_at_any_moment.py", "--times", "8", "--json", timeout_s=180)
    assert ran.code == 0, ran
    assert all(row["times"] == 2 and row["slowest_s"] <= 5 for row in ran.json.values())
