"""Measure how often strangers with weak faces are named, on a population.

    python tools/evaluate_weak_faces.py POPULATION --keep FILE.npz [--same same.csv]
        [--fusion] [--draws 4]

POPULATION has a folder of photographs for each person. Only the half that taught no constant of the
score model is used (`calibration.openset.score_data.half_of`). Each person's faces are made weak
after alignment: shrunk to 32, 24 and 16 pixels, or blurred. Galleries are drawn and hold one clean
picture a person; everybody else is a stranger, searched by a track of all their pictures. `--same`
has pairs of names that are one person or twins, which are not compared. Intervals are by person.
"Attacked": caption, cast and filmography all speak for somebody enrolled, drawn for each track.
`--fusion` searches the enrolled people's other pictures too, and has a row for each cue: of who is
enrolled it is right, or wrong where the row says so; of a stranger it always names somebody else.
"Of the most alike" speaks for whom the face is most like without being them. `--voices` adds voices
to it (`composed_voices.py`), of whom the other cues tell.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from composed_voices import ComposedVoices
from evaluate_cues import FPIR, WAYS, Trial
from pairs import same_people

from calibration.openset.composed import read_sources
from calibration.openset.evaluate import share_by_person
from calibration.openset.score_data import SEED, half_of
from calibration.pictures.faces import find_pictures
from edge.captions.reading import NAMES_THE_FACE
from engines.align import align
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.recognise.cues.cue import Evidence
    from engines.pipeline import FacePipeline

SIZES = (100, 1000)
CUES = ("face", "caption", "cast", "filmography", "all", "wrong caption", "all wrong")
ALIKE = "caption of the most alike"
VOICE_CUES = ("voice", "wrong voice", "voice of the most alike")


def embed(population: Path, keep: Path) -> dict[str, NDArray[np.generic]]:
    """Return whose each face is, and its embeddings and their norms, clean and by weakness."""
    if not keep.exists():
        pipeline = load_pipeline(threads=1, precision="fp32")
        pictures = [p for p in find_pictures(population) if half_of(str(p.person)) == 1]
        sources = read_sources(pipeline.detector, pictures)
        chips = [align(s.bgr, s.landmarks_px[None])[0] for s in sources]
        np.savez(keep, person=[s.person for s in sources], **_embedded(pipeline, chips))
    with np.load(keep) as kept:
        return dict(kept)


def _embedded(
    pipeline: FacePipeline, chips: list[NDArray[np.uint8]]
) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    for way, spoil in {"clean": lambda chip: chip, **WAYS}.items():
        parts = [
            pipeline.embedder.embed(np.stack([spoil(c) for c in chips[i : i + 32]]))
            for i in range(0, len(chips), 32)
        ]
        found[f"{way} vectors"] = np.concatenate([part.vectors for part in parts])
        found[f"{way} norms"] = np.concatenate([part.norms for part in parts])
    return found


def strangers_named(
    pipeline: FacePipeline,
    faces: dict[str, NDArray[np.generic]],
    way: str,
    size: int,
    same: set[frozenset[str]],
    cue: str,
    draws: int,
) -> tuple[int, tuple[float, float, float] | None]:
    """Return how many tracks of strangers were searched, and the share that got a name."""
    people: list[str] = []
    outcomes: list[bool] = []
    random = np.random.default_rng(SEED)
    rows = {str(p): np.flatnonzero(faces["person"] == p) for p in np.unique(faces["person"])}
    vectors, norms = faces[f"{way} vectors"], faces[f"{way} norms"]
    for _ in range(draws):
        enrolled = {str(p) for p in random.choice(sorted(rows), size, replace=False)}
        clean = faces["clean vectors"]
        gallery = {p: clean[rows[p][:1]] for p in sorted(enrolled)}
        trial = Trial(pipeline, gallery)  # type: ignore[arg-type]
        for person in sorted(rows.keys() - enrolled):
            if any(frozenset({person, other}) in same for other in enrolled):
                continue
            track = vectors[rows[person]], norms[rows[person]]
            people.append(person)
            told = trial.evidence(cue, None, random)
            outcomes.append(trial.named(track, told) is not None)  # type: ignore[arg-type]
    return len(people), share_by_person(people, outcomes)


def fusion(
    pipeline: FacePipeline,
    faces: dict[str, NDArray[np.generic]],
    way: str,
    same: set[frozenset[str]],
    cue: str,
    draws: int,
    voices: ComposedVoices | None = None,
    expected: float = NAMES_THE_FACE,
) -> tuple[str, str, str]:
    """Return the shares of who is enrolled with a right and a wrong name, and of strangers named.

    Each with its interval by person, among `SIZES[-1]` people.
    """
    told: dict[str, tuple[list[str], list[bool]]] = {k: ([], []) for k in ("right", "other", "new")}
    random = np.random.default_rng(SEED)
    rows = {str(p): np.flatnonzero(faces["person"] == p) for p in np.unique(faces["person"])}
    vectors, norms, clean = faces[f"{way} vectors"], faces[f"{way} norms"], faces["clean vectors"]
    for _ in range(draws):
        enrolled = {str(p) for p in random.choice(sorted(rows), SIZES[-1], replace=False)}
        gallery = {p: clean[rows[p][:1]] for p in sorted(enrolled)}
        trial = Trial(pipeline, gallery, expected)  # type: ignore[arg-type]
        for person, all_rows in sorted(rows.items()):
            known = person in enrolled
            seen = all_rows[1:] if known else all_rows
            if not len(seen) or any(frozenset({person, other}) in same for other in enrolled):
                continue
            says = trial.evidence(cue, person if known else None, random)
            if cue == ALIKE:
                says = trial.caption_of(trial.most_alike(vectors[seen], person))
            if voices is not None and ("voice" in cue or "all" in cue.split()):
                heard_of = _told(trial, cue, person, says, vectors[seen], random)
                says = (*says, voices.heard(heard_of, trial.names, random))
            name = trial.named((vectors[seen], norms[seen]), says)  # type: ignore[arg-type]
            outcomes = {"right": name == person, "other": name not in {None, person}}
            for what, happened in (outcomes if known else {"new": name is not None}).items():
                told[what][0].append(person)
                told[what][1].append(happened)
    return (_cell(*told["right"]), _cell(*told["other"]), _cell(*told["new"]))


def _told(
    trial: Trial,
    cue: str,
    person: str,
    says: tuple[Evidence, ...],
    vectors: NDArray[np.generic],
    random: np.random.Generator,
) -> str:
    """Return whose voice is heard while a person is seen."""
    if "most alike" in cue:
        return trial.most_alike(vectors, person)
    if "wrong" not in cue and person in trial.names:
        return person
    caption = [p for one in says if one.kind == "text" for p in one.llr]
    others = [name for name in trial.names if name != person]
    return caption[0] if caption else str(random.choice(others))


def _cell(people: list[str], outcomes: list[bool]) -> str:
    share, low, high = share_by_person(people, outcomes) or (0.0, 0.0, 1.0)
    return f"{share:.2%} ({low:.2%} to {high:.2%}) of {len(people)}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("population", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--same", type=Path)
    parser.add_argument("--fusion", action="store_true")
    parser.add_argument("--draws", type=int, default=4, help="galleries that are drawn")
    parser.add_argument("--voices", type=Path, help="cosines of voices, for --fusion")
    parser.add_argument("--cues", default=",".join((*CUES, ALIKE)), help="rows, for --fusion")
    parser.add_argument(
        "--expected", type=float, default=NAMES_THE_FACE, help="of a caption, for --fusion"
    )
    parser.add_argument("--ways", default=",".join(WAYS), help="which faces, for --fusion")
    args = parser.parse_args()
    same = same_people(args.same)
    faces = embed(args.population, args.keep)
    pipeline = load_pipeline(threads=1, precision="fp32")
    print(f"promised {FPIR:.0%}")
    if args.fusion:
        print("| faces | cue | right | another name | strangers named |")
        print(f"|{'---|' * 5}")
        voices = ComposedVoices(args.voices) if args.voices else None
        for way in args.ways.split(","):
            for cue in (*args.cues.split(","), *(VOICE_CUES if voices else ())):
                found_of = fusion(
                    pipeline, faces, way, same, cue, args.draws, voices, args.expected
                )
                cells = " | ".join(found_of)
                print(f"| {way} | {cue} | {cells} |", flush=True)
        return 0
    print("| faces | enrolled | tracks of strangers | named by face | attacked |")
    print(f"|{'---|' * 5}")
    for way in ("clean", *WAYS):
        for size in SIZES:
            cells = []
            for cue in ("face", "all wrong"):
                count, found = strangers_named(pipeline, faces, way, size, same, cue, args.draws)
                share, low, high = found or (0.0, 0.0, 1.0)
                cells.append(f"{share:.2%} ({low:.2%} to {high:.2%})")
            print(f"| {way} | {size} | {count} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
