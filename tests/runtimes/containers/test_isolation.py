"""An app reaches a service only through the proxy: tried from inside the app's own namespace."""

from __future__ import annotations

import json
from pathlib import Path

from engine_here import engine

from chaoslab.injection.context import Context
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from chaoslab.runtimes.containers.service import ContainerService
from runtimes.stacks import boot, says

# What came of each connect, a line each; `reached` only where somebody shook hands.
TRIES = """
import json, socket, sys
for name, host, port in json.loads(sys.argv[1]):
    try:
        with socket.create_connection((host, port), 1.0) as sock:
            sock.settimeout(1.0); sock.sendall(b"PING\\r\\n")
            met = "reached " + repr(sock.recv(5))
    except OSError as error:
        met = type(error).__name__
    print(name, met, sep=": ", flush=True)
"""


def networks_of(container: str) -> dict[str, dict[str, str]]:
    """Address and gateway of a container on each of its networks, by the network's name."""
    said = json.loads(engine().read(f"/containers/{container}/json"))
    networks: dict[str, dict[str, str]] = said["NetworkSettings"]["Networks"]
    return networks


def place_of(service: ContainerService) -> str:
    """The container that owns the address of a service: its server has joined it."""
    said = json.loads(engine().read(f"/containers/{service.container.id}/json"))
    return str(said["HostConfig"]["NetworkMode"]).removeprefix("container:")


async def test_a_service_is_reached_through_the_proxy_and_in_no_other_way(
    context: Context, lab: ContainerRuntime, tmp_path: Path
) -> None:
    """Not by its address, its name, a bridge's gateway, nor the port published for the lab."""
    tries: list[tuple[str, str, int]] = []
    pod = networks_of(str(lab.stack.pods["app"].agent.container.id))
    for name, inside in (("redis", 6379), ("postgres", 5432)):
        service = context.services[name]
        assert isinstance(service, ContainerService)
        published = service.endpoint.port
        back = networks_of(place_of(service))
        (seen,) = back.values()
        (own,) = pod.values()
        tries += [
            (f"{name} by address", seen["IPAddress"], inside),
            (f"{name} by name", name, inside),
            (f"{name} by its network's gateway", seen["Gateway"], inside),
            (f"{name} by its network's gateway, published", seen["Gateway"], published),
            (f"{name} by the pod's gateway", own["Gateway"], inside),
            (f"{name} by the pod's gateway, published", own["Gateway"], published),
            (f"{name} on the pod's loopback", "127.0.0.1", inside),
            (f"{name} on the pod's loopback, published", "127.0.0.1", published),
            (f"{name} beside the proxy", "toxiproxy", inside),
        ]
        assert set(back) != set(pod), "app and service share a network"
    link = context.addresses["app.redis"]
    tries.append(("redis through the proxy", link.host, link.port))
    app = await boot(lab, TRIES, tmp_path / "log", json.dumps(tries))
    met = dict(line.split(": ", 1) for line in await says(app, 60.0))
    assert met.pop("redis through the proxy") == "reached b'+PONG'"
    assert len(met) == 18
    assert not [each for each in met.items() if each[1].startswith("reached")], met
    assert lab.past_proxy == "prevented", "what a run says of it is what was tried here"


async def test_whatever_is_published_is_published_on_loopback_alone(
    context: Context, lab: ContainerRuntime
) -> None:
    """Nobody else's machine can reach a server without a password."""
    services = [each for each in context.services.values() if isinstance(each, ContainerService)]
    owners = [place_of(each) for each in services]
    owners += [
        str(lab.stack.pods["app"].agent.container.id),
        str(lab.stack.gateway.agent.container.id),
    ]
    hosts = [
        binding["HostIp"]
        for owner in owners
        for bindings in json.loads(engine().read(f"/containers/{owner}/json"))["NetworkSettings"][
            "Ports"
        ].values()
        for binding in bindings or ()
    ]
    assert len(hosts) >= len(owners)
    assert set(hosts) == {"127.0.0.1"}
