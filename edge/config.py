"""The configuration of `tvradar run`: one TOML file, frozen, unknown keys refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from edge.errors import UsageError
from edge.video.source import SourceOptions
from gallery.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_HOST = r"^([0-9A-Za-z_-][0-9A-Za-z._-]{0,252}|[0-9A-Fa-f:.]{2,45})$"
HostName = Annotated[str, msgspec.Meta(pattern=_HOST)]
Origin = Annotated[
    str, msgspec.Meta(pattern=r"^https?://(\*\.)?[0-9A-Za-z.\[\]:-]{1,253}(:[0-9]{1,5})?$")
]
PersonId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ServeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the overlay is served.

    Attributes:
        host: address to listen on; anything but loopback needs a token.
        port: 0 takes a free one.
        token: what clients must send; empty for none.
        hosts: further names that the device is called by, for the Host check.
        preview: serve pictures of the source too; without a word, those of a file on loopback.
        frame_ancestors: origins of pages that may show the overlay in a frame, a dashboard's;
            `https://home.local:8123`.
    """

    host: HostName = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8787
    token: Annotated[str, msgspec.Meta(max_length=512)] = ""
    hosts: Annotated[tuple[HostName, ...], msgspec.Meta(max_length=64)] = ()
    preview: bool | None = None
    frame_ancestors: Annotated[tuple[Origin, ...], msgspec.Meta(max_length=16)] = ()


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DEFAULT_FPIR = 0.01
"""One stranger in a hundred may get a wrong name."""


class RecogniseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The budget of the recogniser, and the rate of false names that it promises.

    Attributes:
        fpir: promised share of strangers who get a wrong name.
        embeddings_per_frame: faces embedded in one frame at most.
        detect_every: detection runs on every n-th frame.
        long_side_px: frames are shrunk to this for detection; 0 keeps their size.
        threads: threads for one run of a model.
        cast: ids of the title's cast.
        embedder: its name in the catalog, which has a default; the gallery must have been made
            with it.
        precision: `auto` takes INT8 where it passed the parity gate and is faster.
        unverified: run engines that did not pass the gate; the status says so.
        backend: `auto` takes TensorRT where there is a GPU and engines that were built and proven
            for it, else ONNX Runtime; the status says which and why.
    """

    fpir: Annotated[float, msgspec.Meta(gt=0, lt=1)] = DEFAULT_FPIR
    embeddings_per_frame: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    detect_every: Annotated[int, msgspec.Meta(ge=1, le=30)] = 1
    long_side_px: Annotated[int, msgspec.Meta(ge=0, le=7680)] = 960
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    cast: Annotated[tuple[PersonId, ...], msgspec.Meta(max_length=10_000)] = ()
    embedder: str = ""
    precision: Literal["auto", "fp32", "int8"] = "auto"
    unverified: bool = False
    backend: Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"] = "auto"


CueName = Literal["title", "text", "voice", "body"]


class CuesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts beside the face; no cue makes a name by itself.

    Attributes:
        use: kinds of cues; an empty list is faces alone. `text` reads captions, with models
            of 16 MB that are fetched when it is first used; `voice` compares what is heard with
            voices that were enrolled, if any; `body` remembers what people wore.
    """

    use: tuple[CueName, ...] = ("title",)


class VoiceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Voices, off as devices are shipped: a voiceprint is biometric data, see `docs/privacy.md`.

    Attributes:
        enabled: the same as `voice` among `cues.use`, where the command line names no cues.
    """

    enabled: bool = False


class SearchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the gallery is searched.

    Attributes:
        index: `exact` compares with everybody, behind sketches past 200,000 people; `hnsw` walks a
            graph, for more than a million (needs tvradar[hnsw]; refused where it finds less than
            99 % of what `exact` finds).
    """

    index: Literal["exact", "hnsw"] = "exact"


class ButtonsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys that ask who is on screen, besides the page, HTTP and the WebSocket.

    Attributes:
        device: Linux input: a path, a device's name, or `auto` for all that have the key; empty
            for none. Needs tvradar[buttons].
        key: the key's name as `evtest` shows it, or its number.
        cec: HDMI-CEC adapter, `/dev/cec0`; empty for none. Needs cec-ctl of v4l-utils.
        cec_key: UI command of the TV's remote; 0x72 is the red key.
        debounce_ms: a key that goes down again sooner than this has bounced.
        long_press_ms: a key held this long asks about an earlier moment.
        long_press_back_s: how much earlier.
    """

    device: str = ""
    key: str = "KEY_RED"
    cec: str = ""
    cec_key: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0x72
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 30
    long_press_ms: Annotated[int, msgspec.Meta(ge=200, le=10_000)] = 800
    long_press_back_s: Annotated[float, msgspec.Meta(gt=0, le=8)] = 4.0


class NamingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faces that viewers name themselves; off, as devices are shipped. See `docs/privacy.md`.

    Attributes:
        folder: where they are kept, on this device alone; empty: nobody can be named.
        phone: serve `/phone`: a telephone that was paired by a code on the screen names faces, and
            is a remote control.
    """

    folder: str = ""
    phone: bool = False


class EventsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scenes and presses at the home's own MQTT broker, see `docs/overlay-protocol.md`.

    Attributes:
        broker: `mqtt[s]://[user:password@]host[:port][?ca=…&cert=…&key=…]`; empty for none.
        device: the device's name in the topics; empty takes the machine's host name.
        discovery: announce a sensor and a button to Home Assistant.
    """

    broker: str = ""
    device: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    discovery: bool = False


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        source: picture source, see `docs/sources.md`.
        gallery: folder of the gallery.
        output: where the video goes with names burned in: a file, `rtsp://127.0.0.1:8554/live`
            or `display://`, see `docs/output.md`.
        loop: start a file again at its end.
        stay: at a file's end go on to serve, and offer to start it again; without a word, where the
            page shows the film and no `output` is written.
        timeline: of the source, as `tvradar timeline --json` wrote it: "only watch this person"
            then knows the scenes that have not been shown yet.
        video: how the source is read: backend, time-outs, hardware decoder; see
            `edge.video.source.SourceOptions`.
        heartbeat: file that tells `tvradar sync` how a new release works; the same as its
            --heartbeat. `pulse`, its former name, still works.
        sync_status: file in which `tvradar sync` tells its status, for /metrics; the same as its
            --tell.
    """

    source: str = ""
    gallery: str = ""
    output: str = ""
    loop: bool = False
    stay: bool | None = None
    timeline: str = ""
    heartbeat: str = ""
    sync_status: str = ""
    video: SourceOptions = SourceOptions()
    serve: ServeConfig = ServeConfig()
    cues: CuesConfig = CuesConfig()
    voice: VoiceConfig = VoiceConfig()
    search: SearchConfig = SearchConfig()
    recognise: RecogniseConfig = RecogniseConfig()
    buttons: ButtonsConfig = ButtonsConfig()
    events: EventsConfig = EventsConfig()
    naming: NamingConfig = NamingConfig()


MAX_BYTES = 1 << 20
MAX_TEXT = 4096


def read_config(path: Path) -> RunConfig:
    """Return the configuration in a file.

    Raises:
        UsageError: the file is missing, no TOML, or has a wrong key or value; the message names it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}, expected a TOML file") from error
    return parse_config(data, str(path))


def parse_config(data: bytes, name: str) -> RunConfig:
    """Return the configuration in these bytes; see `read_config`."""
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name}: {len(data)} bytes, expected a TOML file of at most {MAX_BYTES}")
    try:
        config = msgspec.convert(_renamed(msgspec.toml.decode(data)), RunConfig)
        plain = msgspec.to_builtins(config)
    except (ValueError, RecursionError) as error:  # no TOML, a wrong value, or no UTF-8
        raise UsageError(f"{name}: {error}") from error
    for key, value in _leaves(plain, ""):
        _check_plain(f"{name}: {key}", value)
    return config


def _renamed(tree: object) -> object:
    """Return a configuration with keys of earlier versions under their present names."""
    if isinstance(tree, dict) and "pulse" in tree and "heartbeat" not in tree:
        return {"heartbeat" if key == "pulse" else key: value for key, value in tree.items()}
    return tree


def _leaves(value: object, key: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one, key)
    else:
        yield key, value


def _check_plain(key: str, value: object) -> None:
    """Refuse values that TOML allows but no setting can have."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{key}: is {value}, expected a finite number")
    if isinstance(value, str) and (shown(value) != value or len(value) > MAX_TEXT):
        raise UsageError(
            f"{key}: {shown(value[:80])!r}, expected at most {MAX_TEXT} characters, none of them a "
            "control or direction character"
        )
