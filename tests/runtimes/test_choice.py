"""Which runtime `local` stands for on a machine, and what the user is told about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.topology import App, Topology
from chaoslab.runtimes.choice import choose
from chaoslab.runtimes.doctor.machine import Part
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns import needs
from chaoslab.runtimes.netns.runtime import NetnsRuntime
from chaoslab.runtimes.table import TABLE

TOPOLOGY = Topology(name="t", services={}, apps={}, source="/somewhere/chaoslab.toml")
FORBIDDEN = Part(name="network namespaces", problem="not permitted", fix="sudo sysctl -w x=1")


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that allows namespaces and packet rules."""
    for name in ("namespaces", "packet_rules"):
        monkeypatch.setattr(needs, name, lambda: Part(name="x", found="made"))


def test_local_is_netns_where_it_can_run() -> None:
    """And there is nothing to explain."""
    choice = choose("local", TOPOLOGY, "embedded")
    assert (choice.runtime, choice.note) == ("netns", "")


def test_without_namespaces_it_is_loopback_and_the_note_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cause, the command that fixes it, and what the run cannot show."""
    monkeypatch.setattr(needs, "namespaces", lambda: FORBIDDEN)
    choice = choose("local", TOPOLOGY, "embedded")
    assert choice.runtime == "loopback"
    assert choice.note == (
        "not netns: network namespaces: not permitted (fix: sudo sysctl -w x=1);"
        f" not observed there: {TABLE['loopback'].cannot_show}"
    )


def test_a_toxiproxy_needs_the_shared_loopback() -> None:
    """It cannot listen inside a namespace and connect outside it."""
    choice = choose("local", TOPOLOGY, "toxiproxy")
    assert choice.runtime == "loopback"
    assert choice.why.startswith("not netns: the runtime netns runs the embedded proxy only")


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (App(name="web", command=("x",), network="host"), "web needs the machine's network"),
        (
            App(name="web", command=("x", "{redis.port}"), links=("redis",)),
            "web has the port of redis, but not its host (fix: use {redis.host} in apps.web,",
        ),
    ],
)
def test_an_app_that_needs_the_machines_network_gets_it(app: App, why: str) -> None:
    """It says so, or it expects a service on its own loopback."""
    choice = choose("local", replace(TOPOLOGY, apps={"web": app}), "embedded")
    assert choice.runtime == "loopback"
    assert why in choice.why


@pytest.mark.parametrize("known", ["{redis.host}", "{redis.url}", "{redis.url:rediss}"])
def test_an_app_that_is_given_the_proxys_host_runs_in_a_network_of_its_own(known: str) -> None:
    """In its command or in its environment."""
    app = App(name="web", command=("x", "{redis.port}"), env={"AT": known}, links=("redis",))
    assert choose("local", replace(TOPOLOGY, apps={"web": app}), "embedded").runtime == "netns"


@pytest.mark.parametrize(
    ("of_app", "of_boot"),
    [
        ({}, {"AT": "{redis.port}"}),
        ({"AT": "{redis.host}", "PORT": "{redis.port}"}, {"AT": "localhost"}),
    ],
)
def test_a_boot_that_has_only_the_port_of_a_service_is_refused(
    of_app: dict[str, str], of_boot: dict[str, str]
) -> None:
    """The runtime was chosen for the app; a plan may leave out the host again, or add a port."""
    app = App(name="web", command=("x",), env=of_app, links=("redis",))
    plan = Plan(boots=(Boot(app="web"), Boot(app="web", env=of_boot)))
    assert choose("local", replace(TOPOLOGY, apps={"web": app}), "embedded").runtime == "netns"
    with pytest.raises(RuntimeUnavailable) as refused:
        NetnsRuntime([app]).check(plan)
    (problem,) = refused.value.problems
    assert problem.what == "web has the port of redis, but not its host"
    assert problem.fix == "use {redis.host} in boots[1].env, or --chaos-runtime=loopback"
    LocalRuntime().check(plan)


def test_a_boot_that_has_the_host_too_is_not_refused() -> None:
    """From the app's own variables, or from its own."""
    app = App(name="web", command=("x",), env={"AT": "{redis.host}"}, links=("redis",))
    env = {"PORT": "{redis.port}"}
    plan = Plan(boots=(Boot(app="web", env=env), Boot(app="web", env={**env, "AT": "{redis.url}"})))
    NetnsRuntime([app]).check(plan)


@pytest.mark.parametrize("name", TABLE)
def test_another_name_is_that_runtime(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is never swapped for another, and not checked here."""
    monkeypatch.setattr(needs, "namespaces", lambda: FORBIDDEN)
    assert choose(name, TOPOLOGY, "embedded").runtime == name
