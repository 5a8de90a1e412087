"""The command `privacy-check`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from edge.cli.console import err, out, print_json
from edge.cli.options import cue_kinds
from edge.errors import EdgeError, UsageError
from edge.json_output import Receipt
from edge.privacy.session import Session

if TYPE_CHECKING:
    from edge.privacy.verdict import Line


def check_privacy(
    source: Path | None,
    people: Path | None,
    *,
    presses: int,
    config: str,
    cues: str | None,
    naming: bool,
    json: bool,
) -> None:
    """Run the session and print the receipt.

    Raises:
        UsageError: only one of source and people is given.
        ToolMissingError: strace is not installed.
        EdgeError: something left the memory that must not.
    """
    if (source is None) != (people is None):
        raise UsageError("--source and --people: give both for your own film, or none")
    if source is None or people is None:
        from edge.demo.material import demo_material  # noqa: PLC0415

        people, source = demo_material()
    with tempfile.TemporaryDirectory(prefix="tvradar-privacy-") as folder, err.status("") as status:
        session = Session(
            Path(folder),
            source.resolve(),
            people.resolve(),
            presses=presses,
            tell=status.update,
            extra=config,
            cues=None if cues is None else cue_kinds(cues),
            naming=naming,
        )
        lines = session.run()
    problems = [line for line in lines if line.problem]
    if json:
        used = None if cues is None else [str(kind) for kind in sorted(cue_kinds(cues))]
        counts = session.readings, session.subtitles
        told = session.voices, session.told
        print_json(Receipt(not problems, lines, *counts, used, naming, *told))
    else:
        _print(lines, session)
        if naming and not problems:
            out.print("A stranger was named: nothing was kept before the yes, all was erased.")
    if problems:
        raise EdgeError(
            f"privacy: {len(problems)} things left the memory that must not; see the lines above"
        )


def _print(lines: list[Line], session: Session) -> None:
    table = Table("process", "bytes", "to", "what")
    for line in lines:
        what = line.problem or line.what
        table.add_row(line.process, f"{line.size:,}", line.target, what)
    out.print(table)
    if not any(line.problem for line in lines):
        out.print("Nothing else was written or sent: no frame, no face, no sound, no embedding.")
    if session.readings:
        out.print(
            f"Text in the picture was read {session.readings} times meanwhile, and subtitles were "
            f"heard {session.subtitles} times. What a caption says of somebody who is not enrolled "
            f"was told in {session.told} answers to presses, and nowhere else."
        )
    if session.voices:
        out.print(f"A voice that is enrolled was spoken, and compared {session.voices} times.")
