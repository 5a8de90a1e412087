"""Turn the JSON files of `tools/jetson_bench.sh` into the rows of the table in docs/jetson.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PRECISIONS = ("fp32", "fp16", "int8")


def main() -> int:
    """Print one row per model and shape; a dash where nothing was measured."""
    if len(sys.argv) != 2:
        print("usage: jetson_table.py RESULT_DIR", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    times: dict[tuple[str, str], dict[str, float]] = {}
    used: dict[str, str] = {}
    for precision in PRECISIONS:
        for plan in read(folder / f"build-{precision}.json").get("plans", []):
            for shape, ms in (plan["latency_ms"] or {}).items():
                times.setdefault((plan["key"]["model"], shape), {})[precision] = ms
    for name, choice in read(folder / "build-auto.json").get("chosen", {}).items():
        used[choice["model"] if choice else name] = choice["precision"] if choice else "none"
    print("| model | input | FP32 ms | FP16 ms | INT8 ms | in use |")
    print("|---|---|---|---|---|---|")
    for (model, shape), row in sorted(times.items()):
        cells = [f"{row[p]:.2f}" if p in row else "-" for p in PRECISIONS]
        print(f"| {model} | {shape} | {' | '.join(cells)} | {used.get(model, '-')} |")
    return 0


def read(path: Path) -> dict:
    """Return the object of a file, or an empty one when that build did not end."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


if __name__ == "__main__":
    sys.exit(main())
