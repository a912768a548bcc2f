"""What an attached lab needs: the running Toxiproxy and apps that [attach] names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import urlsplit

from chaoslab.model.topology import Topology
from chaoslab.runtimes.containers.sweeper import Engine, EngineError
from chaoslab.runtimes.doctor.machine import Lack, Look, Machine, Part, lacking

_LIMIT_S = 3.0
_NO_ATTACH = Part(
    name="external system",
    problem="the topology has no [attach]",
    fix="add [attach] with toxiproxy, apps and links to the topology",
)


def looks(topology: Topology) -> Mapping[str, Look]:
    """Maps the name of each address of [attach] to a check, a function that sends one HTTP request.

    If there is no [attach], the only check reports that.
    """
    if (attach := topology.attach) is None:
        return {_NO_ATTACH.name: lambda: _NO_ATTACH}
    addresses = {"Toxiproxy": (attach.toxiproxy, "/version")}
    addresses |= {app: (url, topology.apps[app].health.path) for app, url in attach.apps.items()}
    return {
        name: partial(_asked, f"external {name}", url, path)
        for name, (url, path) in addresses.items()
    }


def lacks(machine: Machine) -> Iterator[Lack]:
    """Yield a Lack for each address of [attach] that did not answer when the machine was checked.

    Sends nothing. A missing [attach] is one Lack.
    """
    yield from lacking(*machine.of_runtimes["attach"])


def _asked(name: str, url: str, path: str) -> Part:
    fix = "start it, or correct its address in [attach]"
    try:
        below = urlsplit(url).path.rstrip("/")
        status, body = Engine(url, timeout_s=_LIMIT_S).call("GET", below + path)
    except (EngineError, ValueError) as error:
        return Part(name=name, problem=str(error), fix=fix)
    if path != "/version":
        return Part(name=name, found=f"{url}{path} answers {status}")
    if status != 200:
        problem = f"{path} answers {status}: not a Toxiproxy"
        return Part(name=name, problem=problem, fix=fix)
    return Part(name=name, found=f"{url} answers {body[:60].decode(errors='replace').strip()}")
