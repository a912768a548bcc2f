"""The option that disables one fault of a plan, for the self-test."""

from __future__ import annotations

import pytest

from chaoslab import Killed, Paused, Restarted, Severed, Stopped
from chaoslab.errors import SpecError
from chaoslab.faults.base import ServiceFault
from chaoslab.faults.mutation import MUTATIONS, Mutation, aimed, mutations_of, read_mutation
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.topology import App, Connector, Service, Topology

LINK = "app.redis"
TOPOLOGY = Topology(
    name="faults",
    services={
        "redis": Service(name="redis", kind="redis"),
        "postgres": Service(name="postgres", kind="postgres"),
    },
    apps={"app": App(name="app", command=("true",), links=("redis", "postgres"))},
    connectors={"vpc": Connector(name="vpc", links=("app.redis", "app.postgres"))},
)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_mutation_is_parsed_as_it_is_printed(kind: str) -> None:
    """The fault's label may contain colons."""
    mutation = read_mutation(f"{kind}:severed:vpc")
    assert (mutation.kind, mutation.fault) == (kind, "severed:vpc")
    assert str(mutation) == f"{kind}:severed:vpc"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("inrt:severed:vpc", "did you mean 'inert'?"),
        ("inert", "no fault in 'inert'"),
        ("inert:", "no fault in 'inert:'"),
        ("", "no fault in ''"),
    ],
)
def test_a_wrong_mutation_is_refused_with_the_fix(text: str, told: str) -> None:
    """Where, what, and what was expected."""
    with pytest.raises(SpecError) as error:
        read_mutation(text)
    assert "--chaos-disable" in str(error.value)
    assert "inert, bypassed, inert-to-app" in str(error.value)
    assert told in str(error.value)


def test_a_fault_that_is_not_in_the_plan_cannot_be_disabled() -> None:
    """Otherwise the run would pass although nothing was disabled."""
    plan = resolve(Plan(name="one", faults=(Severed(target="vpc"),)), TOPOLOGY)
    with pytest.raises(SpecError, match="did you mean 'severed:vpc'"):
        aimed(Mutation(kind="inert", fault="severed:vcp"), plan, TOPOLOGY)
    with pytest.raises(SpecError, match="the plan none has no fault 'severed:vpc'"):
        aimed(Mutation(kind="inert", fault="severed:vpc"), Plan(name="none"), TOPOLOGY)


@pytest.mark.parametrize("fault", [Stopped, Killed, Paused, Restarted])
def test_a_fault_of_a_service_can_only_be_inert(fault: type[ServiceFault]) -> None:
    """It affects every path to the service, so none can bypass it."""
    down = fault(target="redis")
    assert mutations_of(down) == ("inert",)
    plan = resolve(Plan(faults=(down,)), TOPOLOGY)
    with pytest.raises(SpecError, match="use inert:"):
        aimed(Mutation(kind="bypassed", fault=down.label), plan, TOPOLOGY)


def test_a_mutation_acts_on_the_links_of_its_fault() -> None:
    """Only these links are bypassed, or have a second proxy for canaries."""
    plan = resolve(Plan(faults=(Severed(target=LINK),)), TOPOLOGY)
    bypassed = aimed(read_mutation(f"bypassed:severed:{LINK}"), plan, TOPOLOGY)
    assert bypassed.bypasses(LINK)
    assert not bypassed.bypasses("app.postgres")
    assert bypassed.twin_of(LINK) is None
    beside = aimed(read_mutation(f"inert-to-app:severed:{LINK}"), plan, TOPOLOGY)
    assert beside.twin_of(LINK) == "app.redis.canary"
    assert beside.twin_of("app.postgres") is None
    assert not beside.bypasses(LINK)
