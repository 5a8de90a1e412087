"""The configuration of `tvradar run`: one TOML file, frozen, unknown keys refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from edge.errors import UsageError
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from pathlib import Path


class ServeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the overlay is served.

    Attributes:
        host: address to listen on; anything but loopback needs a token.
        port: 0 takes a free one.
        token: what clients must send; empty for none.
        hosts: further names that the device is called by, for the Host check.
        preview: serve pictures of the source too; for development.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8787
    token: str = ""
    hosts: tuple[str, ...] = ()
    preview: bool = False


DEFAULT_FPIR = 0.01
"""One stranger in a hundred may get a wrong name."""


class RecogniseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the recogniser may spend and promise.

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
    cast: tuple[str, ...] = ()
    embedder: str = ""
    precision: Literal["auto", "fp32", "int8"] = "auto"
    unverified: bool = False
    backend: Literal["auto", "onnxruntime", "tensorrt"] = "auto"


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
        debounce_ms: a key that comes down again sooner has bounced.
        long_press_ms: a key held so long asks about earlier.
        long_press_back_s: how much earlier.
    """

    device: str = ""
    key: str = "KEY_RED"
    cec: str = ""
    cec_key: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0x72
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 30
    long_press_ms: Annotated[int, msgspec.Meta(ge=200, le=10_000)] = 800
    long_press_back_s: Annotated[float, msgspec.Meta(gt=0, le=8)] = 4.0


class EventsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scenes and presses at the home's own MQTT broker, see `docs/overlay-protocol.md`.

    Attributes:
        broker: `mqtt[s]://[user:password@]host[:port][?ca=…&cert=…&key=…]`; empty for none.
        device: the device's name in the topics; empty takes the machine's host name.
        discovery: announce a sensor and a button to Home Assistant.
    """

    broker: str = ""
    device: str = ""
    discovery: bool = False


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        source: picture source, see `docs/sources.md`.
        gallery: folder of the gallery.
        output: where the video goes with names burned in: a file, `rtsp://127.0.0.1:8554/live`
            or `display://`, see `docs/output.md`.
        loop: start a file again at its end.
        timeline: of the source, as `tvradar timeline --json` wrote it: "only watch this person"
            then knows the scenes that were not shown yet.
        video: how the source is read: backend, time-outs, hardware decoder; see
            `edge.video.source.SourceOptions`.
        pulse: file that tells `tvradar sync` how a new release does; the same as its --pulse.
        sync_status: file in which `tvradar sync` tells its status, for /metrics; the same as its
            --tell.
    """

    source: str = ""
    gallery: str = ""
    output: str = ""
    loop: bool = False
    timeline: str = ""
    pulse: str = ""
    sync_status: str = ""
    video: SourceOptions = SourceOptions()
    serve: ServeConfig = ServeConfig()
    search: SearchConfig = SearchConfig()
    recognise: RecogniseConfig = RecogniseConfig()
    buttons: ButtonsConfig = ButtonsConfig()
    events: EventsConfig = EventsConfig()


def read_config(path: Path) -> RunConfig:
    """Return the configuration in a file.

    Raises:
        UsageError: the file is missing, no TOML, or has a wrong key or value; the message names it.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=RunConfig)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}, expected a TOML file") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
