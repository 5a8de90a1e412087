"""Calibrate on free pictures, judge on other people, and write the recipe that is shipped.

    python -m tools.free_pictures FREE
    python -m tools.ship_int8 --pictures FREE --test PEOPLE --judged-on TEXT [MODEL...]

Ends with 1 if the gate refuses a file; nothing is written for it then.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from calibration.gate.gate import run_gate
from calibration.pictures.faces import find_pictures
from calibration.quantise.int8 import DEFAULTS, calibrate, read_record
from calibration.quantise.shipped import PictureSource, Recipe
from edge.demo.portraits import PORTRAITS
from engines.catalog import default_models, find_model, model_identity
from tools.free_pictures import chosen

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPES = Path(__file__).resolve().parents[1] / "calibration" / "quantise" / "recipes"


class Quiet:
    """Shows no progress."""

    def stage(self, name: str, total: int) -> Callable[[], None]:
        """Tell a stage's name."""
        print(f"{name}: {total}", file=sys.stderr)
        return lambda: None


def sources() -> tuple[PictureSource, ...]:
    """Return the photographs of the demonstration, of which the free pictures are made."""
    return tuple(
        PictureSource(
            package=f"{p.package.name} {p.package.version}",
            member=p.member,
            sha256=p.sha256,
            credit=p.credit,
        )
        for p in (PORTRAITS[name] for name in chosen())
    )


def ship(name: str, given: argparse.Namespace) -> bool:
    """Write the recipe of one model if the gate lets its file pass."""
    options = replace(DEFAULTS[find_model(name).task], mixed=given.mixed, limit=given.limit)
    for key in ("strength", "stem"):
        if (value := getattr(given, key)) is not None:
            options = replace(options, **{key: value})
    progress = Quiet()
    path = calibrate(name, find_pictures(given.pictures), options, progress)
    verdict = run_gate(name, path, find_pictures(given.test), progress)
    print(name, path.stat().st_size, msgspec.json.encode(verdict).decode())
    if not verdict.passed:
        return False
    recipe = Recipe(
        command="python -m tools.free_pictures FREE; python -m tools.ship_int8 --pictures FREE",
        sources=sources(),
        record=msgspec.structs.replace(read_record(path), shipped=True),
        verdict=verdict,
        judged_on=given.judged_on,
    )
    target = RECIPES / f"{model_identity(name)}.json"
    target.write_bytes(msgspec.json.format(msgspec.json.encode(recipe), indent=0) + b"\n")
    return True


def main() -> int:
    """Return 0 if every recipe was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--judged-on", required=True)
    parser.add_argument("--mixed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--strength", type=float)
    parser.add_argument("--stem", type=int)
    parser.add_argument("models", nargs="*", default=list(default_models()))
    given = parser.parse_args()
    return int(not all(ship(name, given) for name in given.models))


if __name__ == "__main__":
    sys.exit(main())
