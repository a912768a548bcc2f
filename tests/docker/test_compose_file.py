"""docker-compose.chaos.yml: who may reach whom, and the stack that it makes."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml
from docker_cli import REFERENCE_IMAGE, TOP, awaited, free_ports, run, succeeded

from chaoslab import services
from chaoslab.model.topology import Images
from chaoslab.runtimes.containers.images import uses, variable

FILE = TOP / "docker-compose.chaos.yml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]
COMPOSES = [("docker", "compose"), ("docker-compose",)]
PORTS = ("POSTGRES", "REDIS", "TOXIPROXY", "BACKEND")


def test_the_backend_reaches_a_service_only_through_toxiproxy() -> None:
    """Two networks, and only Toxiproxy is on both."""
    assert {name: set(service["networks"]) for name, service in SERVICES.items()} == {
        "postgres": {"back"},
        "redis": {"back"},
        "toxiproxy": {"front", "back"},
        "backend": {"front"},
    }


def test_every_port_is_published_on_loopback_and_its_number_can_be_changed() -> None:
    """No stack of the lab is to be seen from another machine."""
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == len(PORTS)
    for port in ports:
        assert re.fullmatch(r"127\.0\.0\.1:\$\{CHAOSLAB_COMPOSE_[A-Z]+_PORT:-\d+\}:\d+", port)


def test_images_are_the_labs_own_and_can_be_replaced_as_there() -> None:
    """The topology's defaults under the topology's variables; nothing floats."""
    text = FILE.read_text()
    own = Images(services={kind: services.kinds()[kind].image for kind in ("postgres", "redis")})
    for use, image in uses(own).items():
        assert f"${{{variable(use)}:-{image}}}" in text
    assert f":-{REFERENCE_IMAGE}}}" in text
    assert "latest" not in text


def test_every_service_tells_whether_it_is_healthy() -> None:
    """The backend waits for the others, so each of them needs an answer."""
    assert all(service["healthcheck"]["test"] for service in SERVICES.values())
    waits = SERVICES["backend"]["depends_on"]
    assert waits == {
        name: {"condition": "service_healthy"} for name in SERVICES if name != "backend"
    }


def test_the_backends_addresses_are_toxiproxys() -> None:
    """Each proxy of docker/toxiproxy.json carries one link, and the backend is told its port."""
    proxies = json.loads((TOP / "docker" / "toxiproxy.json").read_text())
    ports = {proxy["name"]: proxy["listen"].rpartition(":")[2] for proxy in proxies}
    environment = SERVICES["backend"]["environment"]
    assert set(ports) == {"backend.postgres", "backend.redis"}
    assert f"@toxiproxy:{ports['backend.postgres']}/" in environment["DATABASE_URL"]
    assert f"//toxiproxy:{ports['backend.redis']}/" in environment["REDIS_URL"]


def answering(compose: tuple[str, ...]) -> bool:
    """Whether this Compose is here."""
    return shutil.which(compose[0]) is not None and run(*compose, "version").returncode == 0


@pytest.mark.parametrize("compose", COMPOSES, ids=" ".join)
def test_both_composes_can_read_it(compose: tuple[str, ...]) -> None:
    """Without a word of warning."""
    if not answering(compose):
        pytest.skip(f"{' '.join(compose)} is not here: sh docker/airgapped/compose.sh brings one")
    done = run(*compose, "-f", FILE, "config", "-q")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


class Stack:
    """A stack of the test's own, on ports that nobody else has."""

    def __init__(self, compose: tuple[str, ...]) -> None:
        project = f"chaoslab-test-{uuid.uuid4().hex[:8]}"
        self._command = (*compose, "-p", project, "-f", str(FILE))
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._env = {f"CHAOSLAB_COMPOSE_{name}_PORT": str(p) for name, p in self._ports.items()}

    def compose(self, *words: str) -> str:
        return succeeded(*self._command, *words, **self._env)

    def remove(self) -> None:
        run(*self._command, "down", "-v", "-t", "3", **self._env)

    def asked(self, who: str, method: str, path: str, body: str | None = None) -> dict[str, object]:
        """The JSON that a published port answers; empty while nobody does."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[who], timeout=5)
        try:
            connection.request(method, path, body)
            found: dict[str, object] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return found

    def is_now(self, status: str) -> Callable[[], bool]:
        """Whether the backend calls itself that."""
        return lambda: self.asked("BACKEND", "GET", "/health").get("status") == status


@pytest.fixture
def stack(engine: None) -> Iterator[Stack]:
    """A stack that is gone after the test, with the first Compose found."""
    compose = next(filter(answering, COMPOSES), None)
    if compose is None:
        pytest.skip("no Compose is here: sh docker/airgapped/compose.sh brings one")
    made = Stack(compose)
    images = yaml.safe_load(made.compose("config"))["services"]
    for service in images.values():
        if not run("docker", "image", "ls", "-q", service["image"]).stdout:
            pytest.skip(f"no image {service['image']} here: docker/airgapped/README.md builds it")
    try:
        yield made
    finally:
        made.remove()


@pytest.mark.slow
def test_the_stack_comes_up_degrades_with_its_proxy_and_recovers(stack: Stack) -> None:
    """Healthy, then degraded while one proxy is off, then healthy by itself."""
    stack.compose("up", "-d")
    awaited("healthy", stack.is_now("healthy"))
    stack.asked("TOXIPROXY", "POST", "/proxies/backend.postgres", '{"enabled": false}')
    awaited("degraded", stack.is_now("degraded"))
    stack.asked("TOXIPROXY", "POST", "/proxies/backend.postgres", '{"enabled": true}')
    awaited("healthy again", stack.is_now("healthy"))
