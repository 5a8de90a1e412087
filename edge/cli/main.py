"""The command line, `tvradar …`: the commands and how they end."""

from __future__ import annotations

import atexit
import gc
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.cli import (
    bench,
    bench_gallery,
    calibrate,
    channel,
    doctor,
    engines,
    engines_build,
    enrol,
    gallery,
    library,
)
from edge.cli.console import err, out, tell_error
from edge.cli.options import (
    AddressOption,
    BackendOption,
    CastOption,
    CuesOption,
    EmbedderOption,
    EveryOption,
    FpirOption,
    GalleryOption,
    JsonOption,
    LangOption,
    PrecisionOption,
    ProgrammeOption,
    StreamOption,
    UnverifiedOption,
)
from edge.config import DEFAULT_FPIR
from edge.errors import UsageError
from edge.logs import set_up_logs
from edge.video.source import SourceOptions

app = typer.Typer(
    name="tvradar",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Press a button on the remote; the TV says who is on screen.",
    epilog="Exit codes: 0 done, 2 wrong use or bad input, 3 something needed is missing, "
    "1 anything else.",
)
gallery_app = typer.Typer(
    no_args_is_help=True, help="Galleries: who can be named; make, look at, change, publish."
)
for part in (enrol.app, gallery.app, channel.gallery_app):
    gallery_app.add_typer(part)
app.add_typer(gallery_app, name="gallery")
app.add_typer(library.app, name="library")
app.command()(channel.sync)
engines.app.command("build")(engines_build.build_engines)
app.add_typer(calibrate.app, name="calibrate")
bench.app.add_typer(bench_gallery.app)
app.command()(doctor.doctor)
app.command("privacy-check")(doctor.privacy_check)
app.add_typer(engines.app, name="engines")
app.add_typer(bench.app, name="bench")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        out.print(f"tvradar {version('tvradar')}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    """Press a button on the remote; the TV says who is on screen."""
    set_up_logs(logging.INFO if verbose else logging.WARNING)


@app.command()
def identify(
    source: Annotated[
        str, typer.Argument(help="Picture, folder of pictures, video file or stream URL.")
    ],
    gallery: GalleryOption,
    json: JsonOption = False,
    annotate: Annotated[
        Path | None, typer.Option(help="Also write the source with boxes and names burned in.")
    ] = None,
    sidecar: Annotated[
        bool,
        typer.Option("--sidecar", help="Also write FILM.tvradar.json beside it, for players."),
    ] = False,
    cast: CastOption = "",
    fpir: FpirOption = DEFAULT_FPIR,
    lang: LangOption = "en",
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this much of the source.")
    ] = None,
    cues: CuesOption = None,
    precision: PrecisionOption = None,
    unverified: UnverifiedOption = False,
    backend: BackendOption = None,
    embedder: EmbedderOption = "",
    every: EveryOption = "moment",
    stream: StreamOption = None,
    programme: ProgrammeOption = None,
) -> None:
    """Name the people in a picture or a video, from start to end.

    Ctrl-C ends early and keeps what was found so far.

    Example: tvradar identify film.mp4 --gallery mine --annotate named.mp4
    """
    from edge.cli.identify import Naming, identify_source  # noqa: PLC0415
    from edge.cli.identify_output import Answer  # noqa: PLC0415

    answer = Answer(json=json)
    found = identify_source(
        source,
        gallery,
        Naming(cast, fpir, lang, cues, embedder, every == "frame"),
        annotate=annotate,
        sidecar=sidecar,
        seconds=seconds,
        precision=precision,
        unverified=unverified,
        backend=backend,
        video=SourceOptions(stream=stream, programme=programme),
        on_face=answer.add,
    )
    answer.print(found)


@app.command()
def timeline(
    source: Annotated[str, typer.Argument(help="Video file, stream URL, or a folder of films.")],
    gallery: GalleryOption,
    into: Annotated[
        Path | None,
        typer.Option("--out", help="Write the timeline of each film of a folder into this one."),
    ] = None,
    json: JsonOption = False,
    vtt: Annotated[bool, typer.Option("--vtt", help="Print WebVTT subtitles.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a bar for each person.")
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="ID", help="Print the cut list of one person only.")
    ] = "",
    edl: Annotated[bool, typer.Option("--edl", help="With --only: a CMX3600 cut list.")] = False,
    concat: Annotated[
        bool, typer.Option("--concat", help="With --only: a list for FFmpeg's concat demuxer.")
    ] = False,
    sidecar: Annotated[
        bool,
        typer.Option("--sidecar", help="With --out: also write FILM.tvradar.json beside each."),
    ] = False,
    cast: CastOption = "",
    fpir: FpirOption = DEFAULT_FPIR,
    lang: LangOption = "en",
    cues: CuesOption = None,
    embedder: EmbedderOption = "",
    every: EveryOption = "moment",
    stream: StreamOption = None,
    programme: ProgrammeOption = None,
    engine: Annotated[
        enrol.Engine, typer.Option(help="With --out: this process, or a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int, typer.Option(help="Films at once on the cluster.", min=1, max=10_000)
    ] = 2,
    address: AddressOption = "local",
) -> None:
    """Tell who appears when; with --only, cut a film down to one person's scenes.

    A folder goes with --out; what is done is kept, so that the same command goes on after a stop.

    Example: tvradar timeline film.mp4 --gallery mine --only lin --concat > lin.txt
    """
    from edge.cli.identify import Naming  # noqa: PLC0415
    from edge.cli.timeline import (  # noqa: PLC0415
        Cluster,
        TimelineOutput,
        write_timeline,
        write_timelines,
    )

    output = TimelineOutput(json, vtt, html, only, edl, concat, sidecar)
    naming = Naming(cast, fpir, lang, cues, embedder, every == "frame")
    if into is not None:
        cluster = Cluster(engine, workers, address)
        write_timelines(Path(source), gallery, into, output, naming, cluster)
        return
    if engine != "local":
        raise UsageError("--engine ray: reads folders of films, expected --out DIR with it")
    video = SourceOptions(stream=stream, programme=programme)
    write_timeline(source, gallery, output, naming, video)


@app.command()
def evaluate(
    gallery: GalleryOption,
    dataset: Annotated[
        Path | None, typer.Argument(help="One folder of pictures for each person.")
    ] = None,
    json: JsonOption = False,
    fpir: FpirOption = DEFAULT_FPIR,
    video: Annotated[
        str, typer.Option(help="Instead: a film; the button is pressed at each of its frames.")
    ] = "",
    labels: Annotated[
        Path | None, typer.Option(help="Who is visible in which shot of it; see docs/accuracy.md.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write curves and the worst errors, as pictures, to this HTML file."),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="Lines of person,group: the rates of each group apart."),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="Instead: lines of CLIP, tab, PERSON or -; prints mAP@100 by cue."),
    ] = None,
    embedder: EmbedderOption = "",
) -> None:
    """Measure how well a gallery names pictures; people who are not in it are the strangers.

    Example: tvradar evaluate probes --gallery mine --report report.html

    Example: tvradar evaluate --video clip.mp4 --labels labels.json --gallery mine

    Example: tvradar evaluate --clips list.txt --gallery mine
    """
    if clips is not None:
        if dataset is not None or video or labels or report or groups:
            raise UsageError("--clips: found other inputs or reports too, leave them out")
        from edge.cli.evaluate_video import run_evaluate_clips  # noqa: PLC0415

        run_evaluate_clips(clips, gallery, json=json, fpir=fpir, embedder=embedder)
        return
    if (dataset is None) == (not video) or bool(video) != (labels is not None):
        raise UsageError(
            "evaluate: expected a folder of pictures, --video with --labels, or --clips"
        )
    if report is not None and video:
        raise UsageError("--report: of pictures only; found --video, leave one of the two out")
    if groups is not None and video:
        raise UsageError("--groups: of pictures only; found --video, leave one of the two out")
    if labels is not None:
        from edge.cli.evaluate_video import run_evaluate_video  # noqa: PLC0415

        run_evaluate_video(video, labels, gallery, json=json, fpir=fpir, embedder=embedder)
        return
    from edge.cli.evaluate import run_evaluate  # noqa: PLC0415

    assert dataset is not None
    run_evaluate(
        dataset, gallery, json=json, fpir=fpir, report=report, embedder=embedder, groups=groups
    )


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; options win over it.")] = None,
    source: Annotated[str, typer.Option(help="Video file, stream URL or v4l2:///dev/video0.")] = "",
    gallery: Annotated[Path | None, typer.Option("--gallery", "-g", help="The gallery.")] = None,
    output: Annotated[
        str,
        typer.Option(
            help="Also burn the names into the video: FILE.mp4, rtsp://127.0.0.1:8554/live "
            "(players connect there) or display:// (a screen on this device)."
        ),
    ] = "",
    port: Annotated[int | None, typer.Option(help="Port of the overlay page.")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the picture on the page, for development.")
    ] = False,
    cues: CuesOption = None,
    precision: PrecisionOption = None,
    unverified: UnverifiedOption = False,
    backend: BackendOption = None,
    embedder: EmbedderOption = "",
) -> None:
    """Run the service: name the people in a live source and serve the overlay.

    Example: tvradar run --source rtsp://box/live --gallery mine
    """
    from edge.cli.run import run_device  # noqa: PLC0415

    run_device(
        config,
        source=source,
        gallery=gallery,
        output=output,
        port=port,
        preview=preview,
        cues=cues,
        precision=precision,
        unverified=unverified,
        backend=backend,
        embedder=embedder,
    )


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="End after this time.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 8787,
    video: Annotated[Path | None, typer.Option(help="Your own film, with --people.")] = None,
    people: Annotated[Path | None, typer.Option(help="Your own folder of people.")] = None,
) -> None:
    """Watch people being named, in a browser.

    Sets up a gallery and a programme composed from public-domain photographs, or runs on your own
    film: tvradar demo --video film.mp4 --people folder

    On /demo a button publishes somebody who has no name yet: signed, sent over MQTT (mosquitto,
    where it is installed), verified, and named by the running recogniser.
    """
    from edge.cli.demo import run_demo  # noqa: PLC0415

    run_demo(seconds=seconds, browser=not no_browser, port=port, video=video, people=people)


@app.command()
def press(
    url: Annotated[str, typer.Option(help="The running service.")] = "http://127.0.0.1:8787",
    at: Annotated[
        float | None, typer.Option(help="Moment in seconds of the source's clock; now by default.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="TVRADAR_TOKEN", help="Token of the service, if it has one.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Ask the running service who is on screen, as the button on the remote does."""
    from edge.cli.press import press_button  # noqa: PLC0415

    press_button(url, at=at, token=token, json=json)


def main() -> None:
    """Run the command line; the errors of our packages become one line and an exit code."""
    atexit.register(gc.freeze)  # the kernel takes all memory back: 0.25 s of CPU less to end
    try:
        app()
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        exit_code = getattr(error, "exit_code", 1 if isinstance(error, OSError) else None)
        if exit_code is None:
            raise
        tell_error(error)
        sys.exit(exit_code)
