"""Names the people of a film with all cues off, in a process that may lack the code of all cues.

    python without_cues.py absent|present FILM GALLERY

Prints what `identify`, `timeline` and `run` say, which modules of cues were loaded, and which
models were read. `absent` lets every import of such a module fail.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

CUES = (
    "edge.captions",
    "edge.device.captions",
    "edge.device.subtitles",
    "edge.device.text_opener",
    "edge.device.titles",
    "edge.device.voices",
    "edge.recognise.cues.body",
    "edge.recognise.cues.follow",
    "edge.recognise.cues.lips",
    "edge.titles.eit",
    "edge.titles.filmography",
    "edge.titles.found",
    "edge.titles.of_file",
    "edge.titles.playing",
    "edge.voices",
    "engines.text_reading",
    "engines.voice",
    "rapidfuzz",
)


def of_a_cue(module: str) -> bool:
    """Return whether a module is code of a cue."""
    return any(module == name or module.startswith(name + ".") for name in CUES)


class Absent(MetaPathFinder):
    """Lets imports of cues fail."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """Raise where a module is code of a cue."""
        del path, target
        if of_a_cue(fullname):
            raise ModuleNotFoundError(fullname)
        return None


def printed(*words: str) -> Any:
    """Return the JSON that a command prints."""
    from edge.cli.main import main

    sys.argv, out = ["tvradar", *words], io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    out.seek(0)
    return json.loads(out.read())


def live(film: str, gallery: Path) -> list[Any]:
    """Return all faces that `run` shows, frame by frame, none of them dropped."""
    import msgspec

    from edge.config import RunConfig
    from edge.device.app import App
    from edge.recognise.load_shedding import Budget, LoadShedder

    class Unhurried(LoadShedder):
        """Spends the same on each frame, whatever else this machine does."""

        def budget(self, waiting: int = 0) -> Budget:
            """Return no limit."""
            del waiting
            return Budget()

    asked = {"source": film, "serve": {"port": 0}, "cues": {"use": []}}
    seen: list[Any] = []
    app = App(
        msgspec.convert(asked, RunConfig),
        gallery,
        paced=False,
        shedder=Unhurried(),
        on_step=lambda step, _: seen.append(msgspec.to_builtins(step.scene.faces)),
    )
    app.start()
    try:
        app.wait(lambda: False, 60)
    finally:
        app.close()
    return seen


def main() -> None:
    """Print one JSON object."""
    how, film, gallery = sys.argv[1:]
    if how == "absent":
        sys.meta_path.insert(0, Absent())
    models: set[str] = set()

    def note(event: str, given: tuple[object, ...]) -> None:
        if event == "open" and str(given[0]).endswith((".onnx", ".tflite")):
            models.add(Path(str(given[0])).name)

    sys.addaudithook(note)
    common = (film, "-g", gallery, "--cues", "none", "--json")
    said = {
        "identify": printed("identify", *common),
        "timeline": printed("timeline", *common),
        "run": live(film, Path(gallery)),
    }
    loaded = sorted(filter(of_a_cue, sys.modules))
    sys.stdout.write(json.dumps({"said": said, "loaded": loaded, "models": sorted(models)}))


if __name__ == "__main__":
    main()
