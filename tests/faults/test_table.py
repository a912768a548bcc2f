"""Each kind of fault is complete, and is found by its name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
from verdicts.events import connection, sockets
from verdicts.events import fault as in_force
from verdicts.histories import healthy_run, history_of
from verdicts.plans import PG, TOPOLOGY

import chaoslab
from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
    faults,
)
from chaoslab.faults import KINDS, AtMessage
from chaoslab.faults.base import Fault, LinkFault, MutationKind, ServiceFault
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported
from chaoslab.faults.evidence import evidence_of
from chaoslab.faults.registry import faults as table
from chaoslab.history.events import AnyEvent, LinkMetered, LinkPackets, SeenMessage
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Outcome, Sighting
from chaoslab.registry import kinds

ROOT = Path(chaoslab.__file__).parents[1]
NOT_KINDS = {"__init__", "base", "cluster", "evidence", "mutation", "registry", "toxics"}

# one of each kind, with the values that it requires
EXAMPLES: tuple[Fault, ...] = (
    Severed(target="vpc"),
    Slow(target="vpc", latency_s=0.1),
    Throttled(target="vpc", rate_kb_per_s=8),
    OneWay(target="vpc"),
    Flapping(target="vpc", period_s=10.0),
    CutMidstream(target="vpc", after_bytes=10),
    AtMessage(target="vpc", message="COMMIT"),
    Stopped(target="redis"),
    Killed(target="redis"),
    Paused(target="redis"),
    Restarted(target="redis"),
)
each_fault = pytest.mark.parametrize("fault", EXAMPLES, ids=lambda fault: fault.kind)


def test_the_examples_have_all_kinds() -> None:
    """A new kind must be added to these tests."""
    assert [type(fault) for fault in EXAMPLES] == list(KINDS)


def test_each_kind_is_a_module_with_its_name() -> None:
    """The other modules of the package are shared by all kinds."""
    modules = {path.stem for path in Path(faults.__file__).parent.glob("*.py")}
    assert modules - NOT_KINDS == set(table())
    assert {kind: cls.__module__ for kind, cls in table().items()} == {
        kind: f"chaoslab.faults.{kind}" for kind in table()
    }


@each_fault
def test_each_kind_is_documented(fault: Fault) -> None:
    """Its docstring names each of its fields, and the README names the kind."""
    doc = type(fault).__dict__["__doc__"] or ""
    assert not doc.startswith(f"{type(fault).__name__}("), "the dataclass's own signature"
    shared = {entry.name for entry in fields(Fault)}
    own = {entry.name for entry in fields(fault)} - shared - {"mode"}
    assert own <= {word for word in own if f"`{word}`" in doc}
    assert f"`{type(fault).__name__}`" in (ROOT / "README.md").read_text(encoding="utf-8")


@each_fault
def test_the_self_test_can_disable_each_kind(fault: Fault) -> None:
    """In at least one of the known ways."""
    assert fault.mutations
    assert set(fault.mutations) <= set(get_args(MutationKind))


@each_fault
def test_each_kind_declares_what_a_canary_observes(fault: Fault) -> None:
    """Some outcomes show it and others do not; or a canary cannot observe it at all."""
    judged = {
        fault.shows(Sighting(outcome=o, took_s=9.0, client_port=1)) for o in get_args(Outcome)
    }
    assert judged in ({True, False}, {None})
    assert 0 < fault.canary_waits_s < 5.0


@each_fault
def test_each_kind_decides_whether_it_can_be_exported(fault: Fault) -> None:
    """For pods and for hosts outside the cluster; an unsupported one has its reason and a fix."""
    for peer in (Peer(), Peer(hosts=("10.0.0.1",)), Peer(hosts=("10.0.0.1:5432",))):
        decision = fault.chaos_mesh(peer)
        if isinstance(decision, Unsupported):
            assert decision.what
            assert decision.fix
        else:
            assert isinstance(decision, NetworkRule)


def read(at_s: float, count: int) -> list[AnyEvent]:
    """The counters of the kernel and of the proxy on the link."""
    counts = dict.fromkeys(
        ("syns", "syns_dropped", "packets_dropped", "bytes_up", "bytes_down", "resets"), count
    )
    return [
        LinkPackets(at_s=at_s, link=PG, fault="out", **counts),
        LinkMetered(at_s=at_s, link=PG, fault="out", ended_bytes=count),
    ]


# an app under a fault opens, tries and loses connections; kernel and proxy count them
AFFECTED: tuple[AnyEvent, ...] = (
    sockets(1.4, PG, established=(5001,)),
    *read(1.45, 0),
    sockets(1.8, PG, established=(5002,), syn_sent=(5003,)),
    sockets(2.2, PG),
    *read(2.49, 7),
)
CUT_AT = SeenMessage(
    toxic="out.upstream", stream="upstream", word="COMMIT", at_s=2.0, number=1, acted=True
)
# a proxy that reads messages records connections
READ: tuple[AnyEvent, ...] = (
    *AFFECTED,
    connection(PG, 5001, fault="out", read_s=2.49, messages=(CUT_AT,)),
)


@each_fault
def test_each_kind_has_evidence_of_its_own(fault: Fault) -> None:
    """Reasons with codes if the app was affected; if not, the reason that is missing."""
    out = replace(fault, name="out", target="postgres" if fault.targets_service else "vpc")
    run = [*healthy_run(), *in_force("out", 1.5, 1.52, 2.5, 2.52)]
    affected = READ if fault.reads_messages else AFFECTED
    found = evidence_of(out, TOPOLOGY, history_of([*run, *affected]), app="backend", boot=1)
    assert found.observed_on("postgres")
    assert all(reason.code.startswith("fault.") for reason in found.per_link[PG])
    unaffected = evidence_of(out, TOPOLOGY, history_of(run), app="backend", boot=1)
    assert not unaffected.observed
    assert unaffected.missing == fault.not_observed(packets_counted=False)


@each_fault
def test_each_kind_acts_on_links_or_on_a_service(fault: Fault) -> None:
    """With at least one action that `chaoslab.injection` can carry out."""
    if isinstance(fault, LinkFault):
        assert fault.actions("app.redis", frozenset())
        assert not fault.targets_service
    else:
        assert isinstance(fault, ServiceFault)
        assert fault.begins
        assert fault.targets_service


@each_fault
def test_each_kind_can_be_saved_and_read_again(fault: Fault) -> None:
    """Equal to the original; to resolve it a second time changes nothing."""
    assert fault.resolved().resolved() == fault.resolved()
    assert replace(fault, name="other").label == "other"
    plan = Plan(faults=(fault.resolved(),))
    assert read_plan(plan_json(plan), kinds()) == plan
