"""The shipped mosquitto configuration: certificates say who one is, the ACL what one may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sync.conftest import Mosquitto, World

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gallery.channel.broker import Broker
from gallery.channel.errors import SourceError
from gallery.channel.link import MqttLink
from gallery.publish.errors import PublishError
from gallery.publish.to_broker import BrokerPlace

SHIPPED = Path(__file__).resolve().parents[3] / "tools" / "mosquitto"


class Authority:
    """Makes certificates, as an operator's CA does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.certificate = self._sign(self.name, self.key, ca=True)
        self._store("ca", self.key, self.certificate)

    def make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._store(name, key, self._sign(subject, key))

    def _sign(self, subject: x509.Name, key: Any, *, ca: bool = False) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if ca:
            usage = x509.KeyUsage(*[False] * 5, True, True, False, False)  # noqa: FBT003
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def _store(self, name: str, key: Any, certificate: x509.Certificate) -> None:
        pem = serialization.Encoding.PEM
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        (self.folder / f"{name}-key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )


class Site:
    """A broker with the shipped configuration."""

    def __init__(self, folder: Path, make_broker: type[Mosquitto]) -> None:
        self.folder = folder
        folder.mkdir()
        self.authority = Authority(folder)
        for name in ("broker", "publisher", "chunk-server", "tv-1", "tv-2"):
            self.authority.make(name)
        (folder / "acl").write_text((SHIPPED / "acl").read_text())
        config = (SHIPPED / "tvradar.conf").read_text()
        config = config.replace("/etc/mosquitto/tvradar/", f"{folder}/")
        config = config.replace("/var/lib/mosquitto/", f"{folder}/")
        config = config.replace("listener 8883", "user root\nlistener {port} 127.0.0.1")
        self.broker = make_broker(folder, config)

    def uri(self, name: str, extra: str = "") -> str:
        f = self.folder
        return (
            f"mqtts://localhost:{self.broker.port}?ca={f}/ca.pem&cert={f}/{name}.pem"
            f"&key={f}/{name}-key.pem{extra}"
        )

    def link(self, name: str, client_id: str | None = None, extra: str = "") -> MqttLink:
        link = MqttLink(
            Broker.from_uri(self.uri(name, extra)), client_id or name, backoff_base_s=0.1
        ).start()
        link.wait_up(10)
        return link


@pytest.fixture
def site(fast_folder: Path, make_broker: type[Mosquitto]) -> Iterator[Site]:
    made = Site(fast_folder / "site", make_broker)
    yield made
    made.broker.kill()


def received(link: MqttLink, topic: str, timeout_s: float = 0.5) -> bytes | None:
    with link.collect() as collector:
        collector.want([topic])
        message = collector.get(timeout_s)
    return message and message[1]


def test_an_update_with_device_certificates(site: Site, world: World) -> None:
    with site.link("publisher") as link:
        world.sign(seed=1)
        BrokerPlace(world.repository, link).publish()
        device = world.device("tv-1", origin=site.uri("tv-1"))
        assert device.once()
        assert device.device.installed() == 1
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            status = json.loads(received(link, "tvradar/tv-1/status") or b"{}")
            if status.get("release") == 1:
                break
        assert status["release"] == 1


def test_a_device_without_a_certificate_is_refused(site: Site) -> None:
    uri = f"mqtts://localhost:{site.broker.port}?ca={site.folder}/ca.pem"
    with (
        MqttLink(Broker.from_uri(uri), "tv-1", backoff_base_s=0.1) as link,
        pytest.raises(SourceError, match="no connection"),
    ):
        link.wait_up(1.0)


def test_a_broker_with_another_name_is_refused(site: Site) -> None:
    uri = site.uri("tv-1").replace("localhost", "127.0.0.1")
    with (
        MqttLink(Broker.from_uri(uri), "tv-1", backoff_base_s=0.1) as link,
        pytest.raises(SourceError, match="IP address mismatch"),
    ):
        link.wait_up(1.0)


@pytest.mark.parametrize("protocol", ["", "&protocol=4"])
def test_a_publisher_without_rights(site: Site, world: World, protocol: Any) -> None:
    """Acl: a device that plays the publisher changes nothing, and is told so."""
    with site.link("publisher") as link:
        world.sign(seed=1)
        BrokerPlace(world.repository, link).publish()
        before = received(link, "tvradar-gallery/m/timestamp.json")
        world.sign(seed=2)
        with (
            site.link("tv-2", extra=protocol) as thief,
            pytest.raises(PublishError, match=r"ACL|authoriz"),
        ):
            BrokerPlace(world.repository, thief).publish()
        assert received(link, "tvradar-gallery/m/timestamp.json") == before
        assert received(link, "tvradar-gallery/m/3.snapshot.json") is None


def test_a_device_that_writes_another_devices_topics(site: Site) -> None:
    with site.link("publisher") as watcher, site.link("tv-2") as thief:
        with pytest.raises(SourceError, match="uthori"):
            thief.publish("tvradar/tv-1/status", b"{}", retain=True).result(5)
        with pytest.raises(SourceError, match="uthori"):
            thief.publish("tvradar/tv-1/press", b"{}").result(5)
        assert received(watcher, "tvradar/tv-1/status") is None


def test_a_device_that_reads_another_devices_topics(site: Site) -> None:
    with site.link("tv-1") as owner, site.link("tv-2") as thief:
        owner.publish("tvradar/tv-1/status", b'{"device":"tv-1"}', retain=True).result(5)
        assert received(thief, "tvradar/tv-1/status") is None
        assert received(thief, "tvradar/+/status") is None
        assert received(thief, "tvradar/#") is None


def test_a_device_that_asks_for_chunks_as_another(site: Site) -> None:
    with site.link("chunk-server") as server, site.link("tv-2") as thief:
        heard = []
        server.handle("$share/cs/tvradar-gallery/rq/+", heard.append)
        time.sleep(0.2)
        thief.publish("tvradar-gallery/rq/tv-1", b"as tv-1", qos=0)
        thief.publish("tvradar-gallery/rq/tv-2", b"as myself", qos=0)
        time.sleep(0.3)
        assert [payload for _, payload in heard] == [b"as myself"]


def test_a_device_cannot_throw_another_one_out(site: Site) -> None:
    """The broker takes the client id from the certificate, whatever the client says."""
    with site.link("tv-1") as owner, site.link("tv-2", client_id="tv-1"):
        time.sleep(0.5)
        assert owner.connects == 1


def test_a_retained_manifest_survives_kill_9_of_the_broker(site: Site, world: World) -> None:
    with site.link("publisher") as link:
        world.sign(seed=1)
        BrokerPlace(world.repository, link).publish()
        time.sleep(1.6)
        site.broker.kill()
        site.broker.start()
        link.wait_up(20)
        device = world.device("tv-1", origin=site.uri("tv-1"))
        assert device.once()
