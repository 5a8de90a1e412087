"""The commands `run`, `demo` and `press`."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from edge.cli.console import graceful_stop
from edge.cli.options import cue_kinds, refuse_to_replace
from edge.config import LOOPBACK, CuesConfig, RunConfig, read_config
from edge.device import malloc
from edge.errors import UsageError
from edge.systemd import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines.choose import Backend, Precision

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
    cues: str | None = None,
    precision: Precision | None = None,
    unverified: bool = False,
    backend: Backend | None = None,
    embedder: str = "",
) -> None:
    """Run the service until it is stopped or its source ends; options win over the file."""
    from edge.device.app import App  # noqa: PLC0415

    settings = read_config(config) if config else RunConfig()
    serve = msgspec.structs.replace(
        settings.serve,
        port=settings.serve.port if port is None else port,
        preview=preview or settings.serve.preview,
    )
    default = (*settings.cues.use, "voice") if settings.voice.enabled else settings.cues.use
    settings = msgspec.structs.replace(
        settings,
        source=source or settings.source,
        gallery=str(gallery or settings.gallery),
        output=output or settings.output,
        serve=serve,
        cues=CuesConfig(tuple(sorted(cue_kinds(cues, default)))),
        recognise=msgspec.structs.replace(
            settings.recognise,
            precision=precision or settings.recognise.precision,
            unverified=unverified or settings.recognise.unverified,
            backend=backend or settings.recognise.backend,
            embedder=embedder or settings.recognise.embedder,
        ),
    )
    if settings.output:
        refuse_to_replace(settings.source, Path(settings.output), "--output")
    for name in ("source", "gallery"):
        if not getattr(settings, name):
            raise UsageError(
                f"{name}: not given, expected --{name} or `{name}` in the --config file"
            )
    settings = for_a_file(settings)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold faces
    malloc.share_one()
    with graceful_stop() as stop:
        wait_for_gallery(Path(settings.gallery), stop)
        if stop():
            return
        app = App(settings, Path(settings.gallery), notice=NOTICE_OWN if settings.stay else None)
        try:
            app.start()
            typer.echo(f"overlay at {app.server.url}", err=True)
            typer.echo(f"engines: {app.engines}", err=True)
            typer.echo(_hint(settings, app.server.url), err=True)
            app.wait(stop)
        finally:
            app.close()


def for_a_file(settings: RunConfig) -> RunConfig:
    """Return the settings with what nobody has said anything about.

    A film on the machine itself is shown on its page, which goes on after its end: who runs one
    wants to see it. All else is silent about pictures, and ends with its source.
    """
    serve = settings.serve
    local = serve.host in LOOPBACK and Path(settings.source).is_file()
    preview = local if serve.preview is None else serve.preview
    watched = local and preview and not settings.output
    return msgspec.structs.replace(
        settings,
        serve=msgspec.structs.replace(serve, preview=preview),
        stay=watched if settings.stay is None else settings.stay,
    )


def _hint(settings: RunConfig, url: str) -> str:
    if settings.serve.preview:
        return f"open {url} to see the picture with names, and press R there; Ctrl-C ends"
    return "the page shows no picture of its own: docs/overlay.md says how to lay it over one"


def wait_for_gallery(folder: Path, stop: Callable[[], bool]) -> None:
    """Under a service manager, wait for the gallery that the updater will bring.

    At a terminal the error comes at once.
    """
    supervisor = Supervisor()
    if not supervisor.present or (folder / "current").exists():
        return
    supervisor.ready(f"{folder}: no gallery yet, waiting for one")
    while not stop() and not (folder / "current").exists():
        supervisor.alive()
        time.sleep(0.25)
