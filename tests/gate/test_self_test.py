"""The gate's self-test: what is tried in which order, and what counts as seen through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from verdicts.histories import good, history_of, outage
from verdicts.plans import OUTAGE, SEVERED, TOPOLOGY, plan_of

from chaoslab import Killed, Severed, Slow
from chaoslab.cli import main
from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.expectations import Recovers, Starts
from chaoslab.faults.mutation import Mutation
from chaoslab.gate import runtime_choice
from chaoslab.gate.result import ChosenRuntime
from chaoslab.gate.self_test import Trial, TrialRun, batches, judged, trials
from chaoslab.history.events import AnyEvent, LabLag
from chaoslab.model.gate import GateProxy, GateRuntime
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome
from chaoslab.reason import Reason
from chaoslab.verdicts.judge import judge

TOPOLOGY_FILE = Path(__file__).parents[2] / "chaoslab.toml"

TRIAL = Trial(nodeid="n", scenario="s", mutation=Mutation(kind="inert", fault=OUTAGE))


def ran(events: list[AnyEvent], plan: Plan) -> TrialRun:
    """A run with these events, as the judge judges it."""
    history = history_of(events)
    return TrialRun(
        verdicts=judge(TOPOLOGY, plan, history), topology=TOPOLOGY, plan=plan, history=history
    )


def test_every_fault_is_disabled_in_every_way_that_applies() -> None:
    """A network fault in three ways, a service's in one; a plan without faults in none."""
    faulty = Plan(faults=(Severed(target="vpc"), Killed(name="crash", target="redis")))
    found = list(trials({"a": ("x::a", faulty), "b": ("x::b", Plan())}))
    assert [str(t.mutation) for t in found] == [
        "inert:severed:vpc",
        "bypassed:severed:vpc",
        "inert-to-app:severed:vpc",
        "inert:crash",
    ]
    assert {t.nodeid for t in found} == {"a"}
    only = list(trials({"a": ("x::a", faulty)}, ("bypassed",)))
    assert [str(t.mutation) for t in only] == ["bypassed:severed:vpc"]


def test_a_batch_has_one_mutation_and_no_trial_is_lost() -> None:
    """And the ones that take longest go first."""
    plan = Plan(faults=(Severed(target="vpc"), Slow(target="vpc", latency_s=1.0)))
    found = list(trials({str(n): (str(n), plan) for n in range(7)}))
    made = batches(found, size=3)
    assert sorted(map(repr, found)) == sorted(repr(t) for b in made for t in b.trials)
    assert all(t.mutation == b.mutation for b in made for t in b.trials)
    assert max(len(b.trials) for b in made) == 3
    kinds = [b.mutation.kind for b in made]
    assert kinds == sorted(kinds, key=["bypassed", "inert-to-app", "inert"].index)


def test_unknown_without_evidence_of_the_fault_passes() -> None:
    """The good run without any evidence that the outage affected the app."""
    tried = judged(TRIAL, ran(outage(), plan_of()), 1.0)
    assert (tried.outcome, tried.passed) == (Outcome.UNKNOWN, True)
    assert tried.reason == "no connection of the app was observed to be affected by it"


def test_a_pass_and_a_fail_are_both_a_hole() -> None:
    """Whether the fault is believed, or nothing rests on it."""
    believed = judged(TRIAL, ran(good(), plan_of()), 1.0)
    assert (believed.outcome, believed.passed) == (Outcome.PASS, False)
    assert believed.reason.startswith("starts is PASS:")
    loose = plan_of(Starts(mode="degraded", rests_on=()), Recovers(rests_on=()))
    tried = judged(TRIAL, ran(outage(), loose), 1.0)
    assert (tried.outcome, tried.passed) == (Outcome.PASS, False)
    wrong = plan_of(Starts(mode="normal", rests_on=()))
    refused = judged(TRIAL, ran(outage(), wrong), 1.0)
    assert (refused.outcome, refused.passed) == (Outcome.FAIL, False)
    assert refused.reason.startswith("starts is FAIL:")


def test_unknown_for_another_reason_holds_only_without_evidence() -> None:
    """A delayed lab makes everything UNKNOWN; without the delay this run would be PASS."""
    lag = LabLag(at_s=1.0, late_s=3.0)
    lagged = judged(TRIAL, ran([*good(), lag], plan_of()), 1.0)
    assert (lagged.outcome, lagged.passed) == (Outcome.UNKNOWN, False)
    assert lagged.reason.startswith("accepted as observed on backend.")
    unmet = judged(TRIAL, ran([*outage(), lag], plan_of()), 1.0)
    assert unmet.passed


def test_each_of_two_faults_has_its_own_trial() -> None:
    """The other fault, which was not disabled, may have affected the app."""
    second = Severed(name="second", target="vpc")
    plan = plan_of(faults=(SEVERED, second))
    other = replace(TRIAL, mutation=Mutation(kind="inert", fault="second"))
    assert judged(other, ran(good(), plan), 1.0).passed
    assert not judged(TRIAL, ran(good(), plan), 1.0).passed


def test_a_trial_without_verdicts_does_not_pass() -> None:
    """A plan without expectations is UNKNOWN, and its fault may be observed."""
    empty = replace(plan_of(), expect=())
    assert not judged(TRIAL, ran(good(), empty), 1.0).passed


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_run_that_was_cut_short_is_never_a_hole(cut: int) -> None:
    """However much of it there is."""
    events = list(history_of(outage()).events)[:cut]
    assert judged(TRIAL, ran(events, plan_of()), 1.0).passed


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], "local"),
        (["--runtime", "auto"], "local"),
        (["--runtime", "local"], "local"),
        (["--runtime", "embedded"], "local"),
        (["--runtime", "netns"], "netns"),
        (["--runtime", "loopback"], "loopback"),
    ],
)
def test_a_self_test_runs_on_the_local_runtime_that_is_named(
    monkeypatch: pytest.MonkeyPatch, words: list[str], asked: str
) -> None:
    """Always with the embedded engine; it never looks for a container engine."""
    seen: list[tuple[str, str]] = []

    def choose(runtime: GateRuntime, proxy: GateProxy, _: Topology) -> ChosenRuntime:
        seen.append((runtime, proxy))
        raise RuntimeUnavailable(Problem(reason=Reason(code="text", text="enough")))

    monkeypatch.setattr(runtime_choice, "choose_runtime", choose)
    done = CliRunner().invoke(main, ["gate", str(TOPOLOGY_FILE), "--self-test", *words])
    assert (done.exit_code, seen) == (2, [(asked, "embedded")]), done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--repeat", "2"], "remove --repeat"),
        (["--runtime", "docker"], "needs the embedded engine"),
        (["--proxy", "toxiproxy"], "needs the embedded engine"),
        (["--runtime", "podman"], "'podman' is not one of"),
        (["--stage", "no such"], "unknown stage 'no such'"),
    ],
)
def test_what_cannot_be_tried_is_a_usage_error(words: list[str], told: str) -> None:
    """Exit 2, and nothing has run."""
    done = CliRunner().invoke(main, ["gate", "--self-test", *words])
    assert done.exit_code == 2
    assert told in done.output
