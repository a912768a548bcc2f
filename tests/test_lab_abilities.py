"""A plan that needs what a kind of service cannot do is refused before anything starts."""

from __future__ import annotations

import pytest

from chaoslab import Severed
from chaoslab import expectations as expect
from chaoslab.engine.messages.dialects import DIALECTS
from chaoslab.errors import SpecError
from chaoslab.faults import AtMessage
from chaoslab.lab.abilities import (
    check_abilities,
    commanded_links,
    costed_links,
    counted_links,
    read_links,
)
from chaoslab.model import when
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.topology import App, Service, Topology
from chaoslab.services import kinds

# The server of one kind shows its clients, that of the other does not.
TOPOLOGY = Topology(
    name="shop",
    services={
        "db": Service(name="db", kind="postgres"),
        "queue": Service(name="queue", kind="rabbitmq"),
    },
    apps={
        "web": App(name="web", command=("web",), links=("db", "queue")),
        "worker": App(name="worker", command=("worker",), links=("queue",)),
    },
    connectors={},
)
FAULT = Severed(target="web.db", stop=when.started(app="web", after_s=1.0))


def plan_of(*claims: expect.Expectation) -> Plan:
    """A resolved plan with these expectations."""
    boots = (Boot(app="web"), Boot(app="worker"))
    return resolve(Plan(name="counts", boots=boots, faults=(FAULT,), expect=claims), TOPOLOGY)


def test_clients_are_counted_on_every_link_of_the_app_unless_services_are_named() -> None:
    """Not on the links of another app, and by no other expectation."""
    every = plan_of(expect.ReleasesConnections(app="web"), expect.Recovers(app="web"))
    named = plan_of(expect.ReleasesConnections(app="web", services=("db",)))
    assert [link.name for link in counted_links(every, TOPOLOGY)] == ["web.db", "web.queue"]
    assert [link.name for link in counted_links(named, TOPOLOGY)] == ["web.db"]
    assert [*counted_links(plan_of(expect.Recovers(app="web")), TOPOLOGY)] == []


def test_a_plan_that_counts_clients_where_the_server_shows_none_is_refused() -> None:
    """With the service, its kind, and the kinds that can be counted."""
    with pytest.raises(SpecError) as refused:
        check_abilities(plan_of(expect.ReleasesConnections(app="web")), TOPOLOGY)
    (problem,) = refused.value.problems
    assert problem.where == "counts: expect"
    assert problem.data == {"services": ("queue",)}
    assert problem.got == "'queue' is a rabbitmq"
    assert "postgres, redis, mysql" in problem.expected
    assert "ReleasesConnections" in problem.fix


def test_a_plan_that_names_only_services_that_show_their_clients_is_accepted() -> None:
    """Nothing is raised."""
    check_abilities(plan_of(expect.ReleasesConnections(app="web", services=("db",))), TOPOLOGY)
    check_abilities(plan_of(expect.Starts(app="worker")), TOPOLOGY)


def test_commands_are_counted_at_each_server_that_counts_them_unless_services_are_named() -> None:
    """The traffic of every link of the app is counted; of another app nothing is."""
    every = plan_of(expect.BoundedCost(app="web"), expect.Recovers(app="web"))
    assert [link.name for link in commanded_links(every, TOPOLOGY)] == ["web.db"]
    assert [link.name for link in costed_links(every, TOPOLOGY)] == ["web.db", "web.queue"]
    check_abilities(every, TOPOLOGY)
    assert [*costed_links(plan_of(expect.Recovers(app="web")), TOPOLOGY)] == []


def test_a_plan_that_names_a_server_that_does_not_count_commands_is_refused() -> None:
    """With the service, its kind, and the kinds that can be counted."""
    with pytest.raises(SpecError) as refused:
        check_abilities(plan_of(expect.BoundedCost(app="web", services=("queue",))), TOPOLOGY)
    (problem,) = refused.value.problems
    assert problem.data == {"services": ("queue",)}
    assert problem.got == "'queue' is a rabbitmq"
    assert "postgres, redis, mysql" in problem.expected
    assert "BoundedCost" in problem.fix


def at_commit(*targets: str) -> Plan:
    """A resolved plan that acts at a message on these targets."""
    faults = tuple(AtMessage(name=each, target=each, message="COMMIT") for each in targets)
    boots = (Boot(app="web"), Boot(app="worker"))
    return resolve(Plan(name="reads", boots=boots, faults=(FAULT, *faults)), TOPOLOGY)


def test_messages_are_read_on_the_links_of_faults_that_act_at_them() -> None:
    """By the protocol of the service, and on no other link."""
    assert read_links(at_commit("web.db"), TOPOLOGY) == {"web.db": "postgres"}
    assert read_links(at_commit(), TOPOLOGY) == {}
    check_abilities(at_commit("db"), TOPOLOGY)


def test_a_fault_at_a_message_that_cannot_be_read_is_refused() -> None:
    """With the fault, the service, its kind, and the kinds whose messages can be read."""
    with pytest.raises(SpecError) as refused:
        check_abilities(at_commit("web.db", "queue"), TOPOLOGY)
    (problem,) = refused.value.problems
    assert problem.reason.code == "plan.messages_unreadable"
    assert problem.where == "plan reads: faults[2].target"
    assert problem.data == {"fault": "queue", "services": ("queue",)}
    assert problem.got == "'queue' is a rabbitmq"
    assert "postgres, redis" in problem.expected


def test_the_engine_reads_the_protocols_of_these_kinds() -> None:
    """A kind names no protocol that the engine does not have, and the engine has no other."""
    assert {kind.messages for kind in kinds().values()} - {""} == set(DIALECTS)
