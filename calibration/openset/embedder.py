"""Learn an embedder's score model from one half of a population, and show it on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from calibration.openset.check_scores import Row, check
from calibration.openset.learn_scores import RATES, learn
from calibration.openset.score_data import embed, halves
from engines.catalog import default_name, model_identity
from engines.files import write_atomically
from engines.pipeline import load_pipeline
from engines.scores.model import ScoreModel, learned_path, shipped_score_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calibration.pictures.faces import Picture


class Learned(msgspec.Struct, frozen=True):
    """What was learned, and what the people who taught nothing show of it.

    Attributes:
        model: the embedder's identity.
        file: where the score model was written, from where it is used.
        taught: people who taught.
        showed: people of the other half.
        rows: what became of its searches.
        scores: the score model.
    """

    model: str
    file: str
    taught: int
    showed: int
    rows: list[Row]
    scores: ScoreModel


def calibrate_embedder(
    name: str, pictures: Sequence[Picture], looked: Callable[[], None] = lambda: None
) -> Learned:
    """Learn the score model of an embedder of the catalog; it is used from then on.

    Args:
        name: in the catalog.
        pictures: of a population, with `person` set.
        looked: called for each picture.

    Raises:
        CalibrationError: too few people, or too few with two pictures or more.
    """
    known = shipped_score_model(model_identity(default_name("embedder")))
    pipeline = load_pipeline(threads=2, precision="fp32", embedder=name, scores=known)
    faces = embed(pipeline, pictures, looked)
    teach, other = halves(faces)
    learned = learn(teach, faces, known)
    rows = check(learned, other, faces, RATES)
    path = learned_path(pipeline.model)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(learned)))
    return Learned(pipeline.model, str(path), len(teach.people), len(other.people), rows, learned)
