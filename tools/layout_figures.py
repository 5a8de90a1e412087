"""Print the figures that the layout is held to: files a folder, lines a file, lines a function.

    python tools/layout_figures.py [--json]

Ends with exit code 1 where a bound is passed; `make check` runs it.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("edge", "engines", "calibration", "gallery")
ELSEWHERE = ("tests", "tools", "examples")
"""No file is longer than the packages' may be; their folders and functions are free."""
MOST_FILES = {"edge/cli": 30}
MOST_FILES_ELSEWHERE = 20
MOST_LINES = 400
MEDIAN_FUNCTION, LONG_FUNCTION = 9, 32
"""Lines of the median function, and of the one that 95 % are not longer than."""


def function_lines(path: Path) -> tuple[list[int], int]:
    """Return the length of each function, its docstring included, and how many lack a type."""
    lines, untyped = [], 0
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines.append((node.end_lineno or node.lineno) - node.lineno + 1)
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [a for a in given if a.annotation is None and a.arg not in {"self", "cls"}]
            untyped += bool(bare) or node.returns is None
    return lines, untyped


def main() -> int:
    """Print the figures; return 1 where one is out of bounds."""
    files = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]
    folders = Counter(str(p.parent.relative_to(ROOT)) for p in files)
    everywhere = [*files, *(p for other in ELSEWHERE for p in sorted((ROOT / other).rglob("*.py")))]
    lengths = {
        str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines())
        for p in everywhere
    }
    functions, untyped = [], 0
    for path in files:
        lines, bare = function_lines(path)
        functions += lines
        untyped += bare
    figures = {
        "files": len(files),
        "largest_folder": max(folders.items(), key=lambda item: item[1]),
        "longest_file": max(lengths.items(), key=lambda item: item[1]),
        "functions": len(functions),
        "function_lines": {"median": median(functions), "p95": quantiles(functions, n=20)[-1]},
        "untyped": untyped,
    }
    problems = [
        f"{folder}: {count} files, at most {MOST_FILES.get(folder, MOST_FILES_ELSEWHERE)}"
        for folder, count in sorted(folders.items())
        if count > MOST_FILES.get(folder, MOST_FILES_ELSEWHERE)
    ]
    problems += [
        f"{f}: {n} lines, at most {MOST_LINES}" for f, n in lengths.items() if n > MOST_LINES
    ]
    if median(functions) > MEDIAN_FUNCTION or quantiles(functions, n=20)[-1] > LONG_FUNCTION:
        problems.append(f"functions: median and 95th percentile {figures['function_lines']}")
    problems += [f"{untyped} functions without types"] * bool(untyped)
    if "--json" in sys.argv:
        print(json.dumps({**figures, "problems": problems}))
    else:
        for name, value in figures.items():
            print(f"layout: {name}: {value}")
    for problem in problems:
        print(f"layout: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
