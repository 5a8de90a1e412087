"""The table of `bench live`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from edge.bench.live import LiveBench
    from edge.bench.press import Spread


def table_of(found: LiveBench) -> Table:
    """Return a table with a column for each row that ran."""
    ran = [row for row in found.rows if not row.missing]
    titles = [f"{row.backend}, cues: {','.join(row.cues) or 'none'}" for row in ran]
    table = Table(f"{found.width}x{found.height}, {found.fps} a second, {found.codec}", *titles)
    for name, title in (
        ("decode_to_scene_ms", "decoded to scene, ms p50 / p95 / p99"),
        ("glass_ms", "sent to overlay, ms p50 / p95 / p99"),
        ("press_ms", "press to first answer, ms p50 / p95 / p99"),
    ):
        table.add_row(title, *(_spread(getattr(row, name)) for row in ran))
    for name, title in (
        ("sent", "pictures sent"),
        ("recognised", "recognised"),
        ("dropped", "dropped for newer ones"),
        ("dropped_share", "share of those sent"),
        ("faces", "faces on a picture"),
        ("named", "share of pictures with a name"),
        ("cpu_share", f"share of the {found.cores} cores"),
        ("shed", "highest level of load shedding"),
        ("readings", "readings of text"),
        ("reading_cpu_ms", "CPU ms of one"),
        ("voices", "voices compared"),
        ("voice_cpu_ms", "CPU ms of one, with all that is heard"),
    ):
        table.add_row(title, *(str(getattr(row, name)) for row in ran))
    for stage in sorted({stage for row in ran for stage in row.stage_ms}):
        table.add_row(f"{stage}, ms", *(_spread(row.stage_ms.get(stage)) for row in ran))
    for thread in sorted({name for row in ran for name in row.cpu_by_thread}):
        cells = (f"{100 * row.cpu_by_thread.get(thread, 0.0):.1f} %" for row in ran)
        table.add_row(f"of the cores: thread {thread}", *cells)
    return table


def summary_of(found: LiveBench) -> str:
    """Return what the stream itself takes."""
    return (
        f"{found.mbit_s:.1f} Mbit/s; to decode it and nothing else takes {found.decode_cpu_ms:.1f} "
        f"CPU ms a picture, {100 * found.decode_share:.0f} % of the cores"
    )


def beside_today(found: LiveBench) -> list[str]:
    """Return a line for each row with cues that ran: what they change of the same row without."""
    told = []
    plain = {row.backend: row for row in found.rows if not row.cues and not row.missing}
    for row in found.rows:
        before = plain.get(row.backend)
        if before is None or row is before or row.missing:
            continue
        parts = [
            f"{title} p95 {old.p95:.1f} -> {new.p95:.1f} ms"
            for title, old, new in (
                ("press", before.press_ms, row.press_ms),
                ("sent to overlay", before.glass_ms, row.glass_ms),
            )
            if old is not None and new is not None
        ]
        parts.append(f"cores {100 * before.cpu_share:.1f} -> {100 * row.cpu_share:.1f} %")
        told.append(f"{row.backend}, with {','.join(row.cues)}: {', '.join(parts)}")
    return told


def _spread(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}"
