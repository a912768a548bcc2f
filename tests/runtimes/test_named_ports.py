"""Further ports of an app: each has a number in a boot, and health may be asked at one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaoslab.errors import FaultUnsupported
from chaoslab.history.journal import Journal
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.topology import App, Attach, Topology
from chaoslab.probes.base import Watched
from chaoslab.probes.health import ask_health
from chaoslab.runtimes.attach.refusals import refuse
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns.runtime import NetnsRuntime
from chaoslab.runtimes.ports_inside import named_ports_inside, port_inside

from .clients import until_said
from .namespaces import needs_namespaces

# Health is at the port of the second argument; the first answers 404.
SERVES = """
import http.server, sys, threading
class Main(http.server.BaseHTTPRequestHandler):
    status = 404
    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"UP")
class Admin(Main):
    status = 200
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), kind)
           for port, kind in zip(sys.argv[1:], (Main, Admin))]
threading.Thread(target=servers[0].serve_forever).start()
print("serves", flush=True)
servers[1].serve_forever()
"""
HEALTH = HealthContract(port="admin", status_field="")
APP = App(name="shop", command=("shop", "{port}", "{port:admin}", "{port:grpc}"), health=HEALTH)


def _netns() -> LocalRuntime:
    needs_namespaces()
    return NetnsRuntime([APP])


@pytest.mark.parametrize("open_runtime", [LocalRuntime, _netns], ids=["loopback", "netns"])
async def test_health_is_asked_at_the_port_that_it_names(
    tmp_path: Path, open_runtime: Callable[[], LocalRuntime]
) -> None:
    """The app answers 404 at its own port, and is healthy at the other."""
    async with open_runtime() as runtime:
        port, ports = await runtime.app_port(APP), await runtime.named_ports(APP)
        assert list(ports) == ["admin", "grpc"]
        assert len({port, *ports.values()}) == 3
        command = (sys.executable, "-c", SERVES, str(port), str(ports["admin"]))
        start = AppStart(
            app=APP, command=command, env={}, port=port, ports=ports, log=tmp_path / "log"
        )
        running = await runtime.spawn_app(start)
        journal = Journal(tmp_path / "history.jsonl")
        watched = Watched(app=APP, boot=1, running=running, journal=journal)
        await until_said(running, "serves")
        answer = await ask_health(watched, timeout_s=10)
        assert (answer.state, answer.status_code) == (HealthState.HEALTHY, 200)
        assert running.endpoint.port == running.listens_on == port
        journal.close()


def test_the_numbers_in_a_network_of_its_own_follow_from_the_app_alone() -> None:
    """They go round the app's own port."""
    assert (port_inside(APP), named_ports_inside(APP)) == (8080, {"admin": 8081, "grpc": 8082})
    fixed = App(name="shop", command=APP.command, port=8081)
    assert (port_inside(fixed), named_ports_inside(fixed)) == (8081, {"admin": 8082, "grpc": 8083})


def test_attach_mode_refuses_health_at_another_port() -> None:
    """The topology declares one address for an app that runs already."""
    topology = Topology(name="t", services={}, apps={"shop": APP})
    attach = Attach(toxiproxy="http://h:1", apps={"shop": "http://h:2"}, links={})
    plan = resolve(Plan(name="p", boots=(Boot(),)), topology)
    with pytest.raises(FaultUnsupported, match="'admin'"):
        refuse(plan, topology, attach)
