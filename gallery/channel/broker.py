"""Where the broker is and how to prove who we are."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from gallery.channel.errors import SyncSetupError
from gallery.channel.redact import redact_address

DEFAULT_PREFIX = "tvradar-gallery"
PROTOCOLS = frozenset({"0", "4", "5"})


class Broker(msgspec.Struct, frozen=True):
    """Address and credentials.

    Attributes:
        prefix: topics of the gallery channel start with it.
        ca, certificate, key: PEM files; without `ca` the system's authorities count.
        protocol: 5, or 4 for MQTT 3.1.1; 0 tries 5 and falls back.
    """

    host: str
    port: int = 1883
    prefix: str = DEFAULT_PREFIX
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    protocol: int = 0

    @classmethod
    def from_uri(cls, uri: str) -> Broker:
        """Read `mqtt[s]://[user:password@]host[:port][/prefix][?ca=…&cert=…&key=…&protocol=4]`.

        `password-file=…` in the query keeps the password out of the process list.

        Raises:
            SyncSetupError: it is no such address.
        """
        shown = redact_address(uri)
        try:
            parts = urlsplit(uri)
            port = parts.port
        except ValueError as error:  # a port that is no number or too large, an IPv6 left open
            raise SyncSetupError(
                f"{shown}: no address that can be read, expected mqtt[s]://host[:port] with a port "
                "from 1 to 65535; a password with special "
                "characters is written percent-encoded, or in a file: ?password-file=…"
            ) from error
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or port == 0:
            raise SyncSetupError(
                f"{shown}: found no broker's address, expected mqtt[s]://host[:port]"
            )
        tls = parts.scheme == "mqtts"
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        unknown = set(query) - {"ca", "cert", "key", "protocol", "password-file"}
        if unknown:
            raise SyncSetupError(f"{shown}: unknown option {min(unknown)!r}")
        if query.get("protocol", "0") not in PROTOCOLS:
            raise SyncSetupError(
                f"{shown}: protocol={query['protocol']}, expected 5, 4 (MQTT 3.1.1) or 0 (tries "
                "both)"
            )
        password = unquote(parts.password) if parts.password else None
        if "password-file" in query:
            password = _password(Path(query["password-file"]))
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            prefix=parts.path.strip("/") or DEFAULT_PREFIX,
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=password,
            ca=query.get("ca"),
            certificate=query.get("cert"),
            key=query.get("key"),
            protocol=int(query.get("protocol", "0")),
        )

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that accepts TLS 1.3 only and checks the broker's name."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise SyncSetupError(f"TLS of {self.host}: {error}; check ca, cert and key") from error
        return context

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"


def _password(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise SyncSetupError(f"{path}: {error.strerror}; it should hold the password") from error
