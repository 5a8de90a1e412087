"""The commands `run`, `demo` and `press`."""

from __future__ import annotations

import json as jsonlib
import resource
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from edge.cli.console import err, graceful_stop, out
from edge.config import RunConfig, read_config
from edge.device import malloc
from edge.errors import NotReachableError, UsageError
from edge.systemd import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines.choose import Backend, Precision
    from gallery.store.release import Release

NOTICE = {
    "en": "This programme is composed from public-domain photographs on your machine. "
    "R: radar · arrows and OK: choose · Esc: back",
    "zh": "本节目由公有领域照片在您的设备上合成。 R 雷达 · 方向键和确认键 选择 · Esc 返回",
}
NOTICE_OWN = {
    "en": "R: radar · arrows and OK: choose · Esc: back",
    "zh": "R 雷达 · 方向键和确认键 选择 · Esc 返回",
}


def run_device(
    config: Path | None,
    *,
    source: str,
    gallery: Path | None,
    output: str,
    port: int | None,
    preview: bool,
    precision: Precision | None = None,
    unverified: bool = False,
    backend: Backend | None = None,
) -> None:
    """Run the service until it is stopped or its source ends; options win over the file."""
    from edge.device.app import App  # noqa: PLC0415

    settings = read_config(config) if config else RunConfig()
    serve = msgspec.structs.replace(
        settings.serve,
        port=settings.serve.port if port is None else port,
        preview=preview or settings.serve.preview,
    )
    settings = msgspec.structs.replace(
        settings,
        source=source or settings.source,
        gallery=str(gallery or settings.gallery),
        output=output or settings.output,
        serve=serve,
        recognise=msgspec.structs.replace(
            settings.recognise,
            precision=precision or settings.recognise.precision,
            unverified=unverified or settings.recognise.unverified,
            backend=backend or settings.recognise.backend,
        ),
    )
    for name in ("source", "gallery"):
        if not getattr(settings, name):
            raise UsageError(
                f"{name}: not given, expected --{name} or `{name}` in the --config file"
            )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold faces
    malloc.share_one()
    with graceful_stop() as stop:
        wait_for_gallery(Path(settings.gallery), stop)
        if stop():
            return
        app = App(settings, Path(settings.gallery))
        try:
            app.start()
            err.print(f"overlay at {app.server.url}", markup=False)
            err.print(f"engines: {app.engines}", markup=False)
            app.wait(stop)
        finally:
            app.close()


def wait_for_gallery(folder: Path, stop: Callable[[], bool]) -> None:
    """Under a service manager, wait for the gallery that the updater will bring.

    A person at a terminal is told at once that there is none.
    """
    supervisor = Supervisor()
    if not supervisor.present or (folder / "current").exists():
        return
    supervisor.ready(f"{folder}: no gallery yet, waiting for one")
    while not stop() and not (folder / "current").exists():
        supervisor.alive()
        time.sleep(0.25)


def demo_material() -> tuple[Path, Path]:
    """Return the folder of people and the film of the composed programme, made when not there."""
    from edge.demo.compose import prepare  # noqa: PLC0415
    from engines.fetch import cache_dir  # noqa: PLC0415

    material = prepare(cache_dir())
    return material.people_dir, material.video_path


def gallery_of(people_dir: Path, gallery_dir: Path) -> Release:
    """Enrol a folder of people into a new gallery."""
    from gallery.enrol.enrolment import enrol_catalogue, write_release  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import read_catalogue  # noqa: PLC0415

    store = ShardStore.beside(gallery_dir)
    with err.status("enrolling"):
        enrolled = enrol_catalogue(read_catalogue(str(people_dir)), store)
    release = write_release(gallery_dir, enrolled)
    store.remove()
    return release


def press_button(url: str, *, at: float | None, token: str, json: bool) -> None:
    """Ask the running service who is on screen, as the button does."""
    answer = _post(url.rstrip("/") + "/api/press", {"at": at}, token)
    if json:
        out.print(jsonlib.dumps(answer, ensure_ascii=False), markup=False, soft_wrap=True)
        return
    table = Table("person", "role", "", "score")
    for person in answer["people"]:
        here = "on screen" if person["present"] == "now" else f"gone {person['seen_s']:.1f} s ago"
        role = person["role"].get("en", "")
        name = person["names"].get("en") or next(iter(person["names"].values()))
        table.add_row(name, role, here, f"{person['score']:.2f}")
    if answer["people"]:
        out.print(table)
    else:
        out.print("nobody known is on screen")
    for face in answer["unnamed"]:
        out.print(f"a face without a name: {face['why'].replace('_', ' ')}")


def _post(url: str, body: dict[str, Any], token: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url: {url}, expected http://HOST:PORT")
    request = urllib.request.Request(url, jsonlib.dumps(body).encode(), method="POST")  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            found: dict[str, Any] = jsonlib.load(response)
            return found
    except urllib.error.HTTPError as error:
        raise UsageError(f"{url}: {error.code}, {error.read(200).decode().strip()}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotReachableError(
            f'{url}: no answer ({reason}), expected a running service; start "tvradar run"'
        ) from error
