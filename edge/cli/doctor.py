"""The commands `doctor` and `privacy-check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.console import out, print_json
from edge.cli.options import CuesOption, JsonOption
from edge.json_output import Examined

if TYPE_CHECKING:
    from edge.doctor.checks import Finding


def doctor(json: JsonOption = False) -> None:
    """Check what is installed, what is missing, and how to mend it."""
    from edge.doctor.checks import examine  # noqa: PLC0415

    findings = examine()
    print_findings(findings, json=json)
    if any(f.state == "missing" and f.needed for f in findings):
        raise typer.Exit(3)


def privacy_check(
    source: Annotated[
        Path | None, typer.Option(help="Your own film, with --people; else the demo's.")
    ] = None,
    people: Annotated[Path | None, typer.Option(help="Your own folder of people.")] = None,
    presses: Annotated[int, typer.Option(min=1, help="Presses before and after the crash.")] = 5,
    config: Annotated[
        str, typer.Option(help="More lines of TOML, to see what they let out: preview = true")
    ] = "",
    cues: CuesOption = None,
    naming: Annotated[
        bool, typer.Option("--naming", help="Name a stranger, and erase them again.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the device under watch, and tell every byte that it wrote or sent.

    A session with presses, an update, a crash and a start after it, recorded by strace at the
    kernel. Exit code 1 when a frame, a face or anything unexpected left the memory.
    """
    from edge.cli.privacy import check_privacy  # noqa: PLC0415

    check_privacy(
        source, people, presses=presses, config=config, cues=cues, naming=naming, json=json
    )


def print_findings(findings: list[Finding], *, json: bool) -> None:
    """Print a line each, with the remedy whole below it, or one JSON object."""
    from rich.text import Text  # noqa: PLC0415

    if json:
        print_json(Examined(findings))
        return
    colours = {"ok": "green", "missing": "red", "optional": "yellow"}
    here = [f for f in findings if not f.elsewhere]
    width = max(len(f.subject) for f in here)
    for f in here:
        line = Text(f"{f.state:8}  ", colours[f.state]) + Text(f"{f.subject:{width}}  {f.found}")
        out.print(line, soft_wrap=True)  # a command that is cut or broken cannot be copied
        if f.remedy:
            out.print(Text(f"{'':10}-> {f.remedy}"), soft_wrap=True)
    if len(here) < len(findings):
        others = ", ".join(f.subject for f in findings if f.elsewhere)
        out.print(Text(f"of use on a Jetson or with an NVIDIA GPU only: {others}"), soft_wrap=True)
