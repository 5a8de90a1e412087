"""How the findings of `tvradar doctor` are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.cli.console import out, print_json

if TYPE_CHECKING:
    from edge.doctor.checks import Finding


def print_findings(findings: list[Finding], *, json: bool) -> None:
    """Print a table, or one JSON object."""
    if json:
        print_json({"findings": findings})
        return
    colours = {"ok": "green", "missing": "red", "optional": "yellow"}
    table = Table("", "subject", "found", "what to do")
    for f in findings:
        table.add_row(Text(f.state, colours[f.state]), f.subject, f.found, f.remedy)
    out.print(table)
