"""A cluster of brokers that loses a node in the middle of a release: does the fleet end right?

    python tools/sync_trials/cluster.py aedes [--modules FOLDER] [--devices 6] [--rounds 3]
    python tools/sync_trials/cluster.py rabbitmq [--devices 6] [--rounds 3]

Two nodes of aedes share a Redis (npm: aedes aedes-persistence-redis mqemitter-redis); three of
RabbitMQ form a cluster, whose retained messages stay on the node that they were sent to. HAProxy
puts devices on the nodes in turn, and on living ones when theirs dies. The publisher goes through
HAProxy to aedes, and to each node of RabbitMQ by itself. In each round it publishes a release, a
node is killed with -9 while the devices fetch, all devices have to come to the release, and the
node comes back. One JSON object on stdout; exit code 1 unless all devices ended on the last release
and `verify` finds their galleries whole.

Needs the programs redis-server, node, haproxy, rabbitmq-server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from stage import MODEL, free_port, installed, listens, make_gallery, start_device, until

from gallery.channel.broker import Broker
from gallery.channel.link import MqttLink
from gallery.errors import GalleryError
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.publish.to_broker import BrokerPlace
from gallery.store import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUND_S = 180.0
NODE_S = 120.0
PEOPLE = 20_000
PROXY = """\
global
    maxconn 4096
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    option redispatch
    retries 3
listen mqtt
    bind 127.0.0.1:{port}
    balance roundrobin
    default-server check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions
"""
AEDES = """\
const redis = { host: '127.0.0.1', port: Number(process.argv[3]) }
const { Aedes } = require('aedes')
const mq = require('mqemitter-redis')(redis)
const persistence = require('aedes-persistence-redis')(redis)
Aedes.createBroker({ mq, persistence }).then((broker) =>
  require('net').createServer({ noDelay: true }, broker.handle)
    .listen(Number(process.argv[2]), '127.0.0.1'))
"""


class Program:
    """A program that listens at a port; it may be killed and started again."""

    def __init__(
        self, command: Sequence[str], port: int, log: Path, env: dict[str, str] | None = None
    ) -> None:
        self._command, self.port, self._log = command, port, log
        self._env = {**os.environ, **(env or {})}
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._env, start_new_session=True
            )
        if not until(lambda: listens(self.port), NODE_S):
            raise RuntimeError(f"{self._command[0]}: does not listen, see {self._log}")

    def kill(self) -> None:
        """Kill -9, with whatever it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Aedes:
    """Two nodes on one Redis."""

    name = "aedes + Redis"

    def __init__(self, folder: Path, modules: Path, stack: ExitStack) -> None:
        redis_port = free_port()
        command = ["redis-server", "--port", str(redis_port), "--dir", str(folder), "--save", ""]
        redis = Program(command, redis_port, folder / "redis.log")
        stack.callback(redis.kill)
        script = modules / "tvradar-trial.cjs"
        script.write_text(AEDES)
        self.nodes = []
        for number in range(2):
            port = free_port()
            words = ["node", str(script), str(port), str(redis_port)]
            self.nodes.append(Program(words, port, folder / f"node{number}.log"))
            stack.callback(self.nodes[-1].kill)

    def places(self, proxy_port: int) -> list[int]:
        """Return the ports that the publisher goes to."""
        return [proxy_port]


class RabbitMQ:
    """Three nodes in a cluster."""

    name = "RabbitMQ"

    def __init__(self, folder: Path, _modules: Path, stack: ExitStack) -> None:
        plugins = folder / "plugins"
        plugins.write_text("[rabbitmq_mqtt].\n")
        stack.callback(subprocess.run, ["pkill", "-9", "epmd"], check=False)
        self.nodes = []
        for number in range(3):
            name, port = f"trial{number}@localhost", free_port()
            env = {
                "RABBITMQ_NODENAME": name,
                "RABBITMQ_NODE_PORT": str(free_port()),
                "RABBITMQ_MNESIA_BASE": str(folder / f"mnesia{number}"),
                "RABBITMQ_LOG_BASE": str(folder / f"log{number}"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
                "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_SERVER_START_ARGS": f"-rabbitmq_mqtt tcp_listeners [{port}]",
                "HOME": str(folder),
                "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            }
            # The package's wrapper changes to a user of its own; the script behind it does not.
            server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
            node = Program([server], port, folder / f"node{number}.log", env)
            stack.callback(node.kill)
            self.nodes.append(node)
            if number:
                for words in (["stop_app"], ["join_cluster", "trial0@localhost"], ["start_app"]):
                    self._control(name, words, folder)
                if not until(lambda node=node: listens(node.port), NODE_S):
                    raise RuntimeError(f"{name}: does not listen after it joined")

    @staticmethod
    def _control(node: str, words: list[str], folder: Path) -> None:
        tool = "/usr/lib/rabbitmq/bin/rabbitmqctl"
        env = {**os.environ, "HOME": str(folder)}
        subprocess.run(
            [tool, "-n", node, *words], env=env, check=True, capture_output=True, timeout=NODE_S
        )

    def places(self, _proxy_port: int) -> list[int]:
        """Return the ports that the publisher goes to."""
        return [node.port for node in self.nodes]


class Publisher:
    """Sends each release to all places, and again to one that was away."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.repository = Repository(folder / "home")
        self.repository.init()
        self.root = self.repository.home / "root.json"
        uris = [f"mqtt://127.0.0.1:{port}/trial" for port in ports]
        links = [
            MqttLink(Broker.from_uri(uri), f"publisher{n}", backoff_base_s=0.5).start()
            for n, uri in enumerate(uris)
        ]
        self._places = [BrokerPlace(self.repository, link) for link in links]
        self._links = links
        self.number = 0

    def sign(self, gallery: Path) -> None:
        """Make the next release."""
        self.number += 1
        options = Options(number=self.number, probation_s=0)
        resign(self.repository, prepare(self.repository, gallery, options))

    def send(self) -> None:
        """Publish wherever somebody listens; the others are told when they are back."""
        for link, place in zip(self._links, self._places, strict=True):
            self._at(link, place.publish)

    def repair(self) -> None:
        """Compare with what the places retain, and send what they lost."""
        for link, place in zip(self._links, self._places, strict=True):
            self._at(link, place.repair)

    @staticmethod
    def _at(link: MqttLink, do: Callable[[], object]) -> None:
        try:
            link.wait_up(5)
            do()
        except GalleryError as error:
            print(f"{link.broker}: {error}", file=sys.stderr)

    def close(self) -> None:
        """End."""
        for link in self._links:
            link.close()


def proxy(nodes: Sequence[Program], folder: Path) -> Program:
    """Start HAProxy before the nodes."""
    port = free_port()
    config = folder / "haproxy.cfg"
    servers = "".join(f"    server node{n} 127.0.0.1:{node.port}\n" for n, node in enumerate(nodes))
    config.write_text(PROXY.format(port=port) + servers)
    return Program(["haproxy", "-db", "-f", str(config)], port, folder / "haproxy.log")


def trial(options: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, object]:
    """Play all rounds."""
    kind = {"aedes": Aedes, "rabbitmq": RabbitMQ}[options.kind]
    cluster = kind(folder, options.modules, stack)
    front = proxy(cluster.nodes, folder)
    stack.callback(front.kill)
    publisher = Publisher(folder, cluster.places(front.port))
    stack.callback(publisher.close)
    publisher.sign(make_gallery(folder / "g0", 0, 0, 2000))
    publisher.send()
    devices = [folder / f"tv{n}" for n in range(options.devices)]
    uri = f"mqtt://127.0.0.1:{front.port}/trial"
    for device in devices:
        device.mkdir()
        process = start_device(device, uri, publisher.root, device.name)
        stack.callback(process.wait)
        stack.callback(process.kill)
    rounds = [play(cluster.nodes, publisher, devices, folder, n) for n in range(options.rounds)]
    whole = 0
    for device in devices:
        store.verify(device / "gallery")
        whole += store.current_release(device / "gallery")[0].model == MODEL
    return {
        "cluster": cluster.name,
        "nodes": len(cluster.nodes),
        "devices": len(devices),
        "whole": whole,
        "rounds": rounds,
    }


def play(
    nodes: Sequence[Program],
    publisher: Publisher,
    devices: list[Path],
    folder: Path,
    number: int,
) -> dict[str, object]:
    """Publish, kill a node while devices fetch, wait for all, bring the node back."""
    if not until(lambda: all(installed(d) >= publisher.number for d in devices), ROUND_S):
        raise RuntimeError("not all devices are on the release before")
    publisher.sign(make_gallery(folder / f"g{number + 1}", 0, number + 1, PEOPLE))
    start_s = time.monotonic()
    publisher.send()
    time.sleep(0.2)
    victim = nodes[number % len(nodes)]
    fetching = sum(installed(d) < publisher.number for d in devices)
    victim.kill()
    done_s: dict[bool, float | None] = {}
    for node_is_back in (False, True):
        if node_is_back:
            victim.start()
        done_s[node_is_back] = None
        deadline_s = time.monotonic() + ROUND_S / 2
        while done_s[node_is_back] is None and time.monotonic() < deadline_s:
            publisher.repair()
            if until(lambda: all(installed(d) >= publisher.number for d in devices), 2.0):
                done_s[node_is_back] = round(time.monotonic() - start_s, 1)
        late = [d for d in devices if installed(d) < publisher.number]
        for device in late:  # why not? its log says
            text = device.with_name(f"{device.name}.log").read_text()
            print("\n".join(text.splitlines()[-8:]), file=sys.stderr)
    return {
        "killed": number % len(nodes),
        "devices_still_fetching": fetching,
        "current": sum(installed(d) == publisher.number for d in devices),
        "all_after_s_without_the_node": done_s[False],
        "all_after_s_with_it": done_s[True],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["aedes", "rabbitmq"])
    parser.add_argument("--modules", type=Path, default=Path.cwd(), help="has node_modules")
    parser.add_argument("--devices", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for program in ("haproxy", *{"aedes": ["node", "redis-server"], "rabbitmq": []}[options.kind]):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            sys.exit(f"{program}: not installed")
    with tempfile.TemporaryDirectory(prefix="tvradar-cluster-") as folder, ExitStack() as stack:
        result = trial(options, Path(folder), stack)
    print(json.dumps(result, indent=2))
    right = [one["current"] == options.devices for one in result["rounds"]]  # type: ignore[attr-defined]
    sys.exit(not all(right) or result["whole"] != options.devices)


if __name__ == "__main__":
    main()
