"""`tvradar calibrate embedder`: learn a score model on one half of a population, show the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from calibration.openset.check_scores import Row, check
from calibration.openset.learn_scores import RATES, learn
from calibration.openset.score_data import embed, halves
from calibration.pictures.faces import find_pictures
from edge.cli.console import out, print_json
from engines.catalog import default_name, model_identity
from engines.files import write_atomically
from engines.pipeline import load_pipeline
from engines.scores.model import learned_path, shipped_score_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def calibrate_embedder(
    model: str,
    images: list[Path],
    stage: Callable[[str, int], Callable[[], None]],
    *,
    json: bool,
) -> None:
    """Learn the score model of an embedder of the catalog and print what the other half shows.

    Args:
        model: its name in the catalog.
        images: folders with a folder per person.
        stage: begins a stage of so many steps, by name; returns what advances it.
        json: print JSON.
    """
    known = shipped_score_model(model_identity(default_name("embedder")))
    pictures = [p for folder in images for p in find_pictures(folder)]
    pipeline = load_pipeline(threads=2, precision="fp32", embedder=model, scores=known)
    faces = embed(pipeline, pictures, stage("pictures", len(pictures)))
    teach, other = halves(faces)
    learned = learn(teach, faces, known)
    rows = check(learned, other, faces, RATES)
    path = learned_path(pipeline.model)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(learned)))
    if json:
        print_json(
            {
                "model": pipeline.model,
                "file": str(path),
                "taught": len(teach.people),
                "rows": msgspec.to_builtins(rows),
                "scores": msgspec.to_builtins(learned),
            }
        )
        return
    _show(rows)
    out.print(
        f"{pipeline.model}: learned from {len(teach.people)} people, shown with {len(other.people)}"
        f" others; {path}",
        markup=False,
    )


def _show(rows: list[Row]) -> None:
    table = Table("", "gallery", "promised", "strangers named", "95 %", "named rightly")
    for row in rows:
        share, low, high = row.named
        table.add_row(
            row.kind,
            f"{row.gallery:,}",
            f"{row.promised:.1%}",
            f"{share:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{row.right[0]:.1%}",
        )
    out.print(table)
