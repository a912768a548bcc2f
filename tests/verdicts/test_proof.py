"""Proof of a recovery: a served write in time, or health that had changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Restarted, Severed
from chaoslab.expectations import Recovers
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultRequested,
    HealthSample,
    ReadBack,
    Request,
    RunEnded,
)
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    UNREACHABLE,
    back,
    between,
    ended,
    exited,
    fault,
    of,
    samples,
    without,
    write,
    written_s,
)
from .histories import good, healthy_run, judged, run_of
from .plans import BOTH, OUTAGE, PG, REDIS, TOPOLOGY, plan_of
from .reading import codes, data


def recovered(events: list[AnyEvent], *faults: Declared, **changed: object) -> Verdict:
    expected = {"app": "backend", "within_s": 2.0, "stable_s": 0.4, "proved": True} | changed
    return Recovers(**expected).judged(run_of(events, Plan(faults=faults)))  # type: ignore[arg-type]


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


# --- a bound is a bound: the write ---


def served_at(*tries: AnyEvent, until_s: float = 7.5) -> list[AnyEvent]:
    """The good run, healthy from 3.4 on and healed at 3.02, with other writes as its proof."""
    events = without(good(), of(Request, ReadBack, Exited, RunEnded))
    looked = [back(until_s - 0.1, *(t.op for t in tries if isinstance(t, Request)))]
    late = samples(4.1, until_s, HEALTHY)
    return [*events, *late, *tries, *looked, exited(until_s), ended(until_s + 0.1)]


def refused(start_s: float, end_s: float) -> list[AnyEvent]:
    """Proofs every 0.1 s that are answered 503."""
    count = round((end_s - start_s) / 0.1)
    times = [round(start_s + 0.1 * i, 3) for i in range(count)]
    return [write(s, f"no-{s}", "failed", purpose="proof", code=503) for s in times]


@pytest.mark.parametrize(("sent_s", "outcome"), [(4.99, "PASS"), (5.01, "FAIL")])
def test_the_proof_must_be_acknowledged_within_the_bound_of_the_heal(
    sent_s: float, outcome: str
) -> None:
    """2 s after 3.02: acknowledged at 5.01 it is in time, at 5.03 it is not."""
    proof = write(sent_s, "served", purpose="proof")
    verdict = recovered(served_at(*refused(3.42, 4.9), proof))
    assert verdict.outcome == outcome
    if outcome == "FAIL":
        late = data(verdict, "proof.late")
        assert late == {"after_s": 2.01, "late_s": 0.01}


def test_a_late_proof_says_what_became_of_the_tries_before_it() -> None:
    """Health was good 1.6 s before the bound, and 36 writes were refused."""
    verdict = recovered(served_at(*refused(3.42, 7.0), write(7.0, "ok", purpose="proof")))
    assert verdict.outcome == "FAIL"
    assert "acknowledged only 4.000 s after the heal, 2.000 s too late" in why(verdict)
    assert "36 tries before it were not acknowledged (503)" in why(verdict)


def test_a_proof_that_took_long_is_late_as_well() -> None:
    """One try, sent in time, and answered too late."""
    verdict = recovered(served_at(write(3.42, "slow", purpose="proof", took_s=1.9)))
    assert verdict.outcome == "FAIL"
    assert "it was sent 0.400 s after the heal and took 1.900 s" in why(verdict)


def test_a_bound_that_passed_between_two_writes_is_unknown() -> None:
    """Refused until 4.94 and acknowledged at 5.1, or not tried before: it may have been in time."""
    proof = write(5.1, "late", purpose="proof")
    verdict = recovered(served_at(*refused(3.42, 4.92), proof))
    assert verdict.outcome == "UNKNOWN"
    assert "no write was under way at the bound, 5.020 s" in why(verdict)
    assert "sent 2.080 s after the heal" in why(verdict)
    assert recovered(served_at(proof)).outcome == "UNKNOWN"


def test_a_write_under_way_at_the_bound_shows_that_it_was_late() -> None:
    """Not answered from 4.5 to 5.5, and the next one acknowledged at 5.62."""
    hung = write(4.5, "hung", "indeterminate", purpose="proof", code=None, took_s=1.0)
    verdict = recovered(served_at(hung, write(5.6, "w", purpose="proof")))
    assert verdict.outcome == "FAIL"
    assert data(verdict, "proof.late")["late_s"] == 0.6


# --- for how long it was watched ---


def test_the_verdict_says_for_how_long_it_watched() -> None:
    """The claim has what is required, the reasons have what was observed."""
    verdict = recovered(good())
    assert "and stays healthy for 0.4 s" in verdict.claim
    assert "watched for 0.650 s from then on: 14 answers, all healthy" in why(verdict)


def test_an_exit_within_the_watched_time_is_a_failure() -> None:
    """2 s after the heal, of 3 s that it was to be watched."""
    events = without(served_at(write(3.42, "w", purpose="proof"), until_s=5.02), of(Exited))
    verdict = recovered([*events, exited(5.02, code=1, asked=False)], stable_s=3.0)
    assert verdict.outcome == "FAIL"
    assert data(verdict, "app.exited")["exit_code"] == 1
    assert "the process exited with 1 at 5.020 s" in why(verdict)
    assert data(verdict, "recovery.exited") == {"pid": 101, "after_s": 2.0}


def test_the_time_to_be_stable_comes_from_the_topology() -> None:
    """3 s where it says nothing; an expectation may ask for another."""
    faults = (Severed(target="vpc", stop=plan_of().faults[0].stop),)
    asked = (Recovers(), Recovers(stable_s=1.5))
    plan = resolve(Plan(faults=faults, expect=asked), TOPOLOGY)
    assert [e.stable_s for e in plan.expect if isinstance(e, Recovers)] == [0.4, 1.5]
    bare = replace(TOPOLOGY.apps["backend"], deadlines=type(TOPOLOGY.apps["auth"].deadlines)())
    usual = resolve(
        Plan(faults=faults, expect=asked[:1]), replace(TOPOLOGY, apps={"backend": bare})
    )
    assert [e.stable_s for e in usual.expect if isinstance(e, Recovers)] == [3.0]


def waits(events: list[AnyEvent], at_s: float, **changed: object) -> str | None:
    expected = {"app": "backend", "within_s": 2.0, "stable_s": 3.0, "proved": True} | changed
    known = [e for e in events if written_s(e) <= at_s and not isinstance(e, Exited | RunEnded)]
    e = Recovers(**expected)  # type: ignore[arg-type]
    return e.waits_for(run_of(known, plan_of(e)), at_s)


def test_the_run_waits_for_the_whole_of_the_stable_time() -> None:
    """3 s from 3.4 on."""
    events = served_at(write(3.42, "w", purpose="proof"))
    events += [back(3.5, "w")]
    assert waits(events, 6.3) == "the recovery of backend"
    assert waits(events, 6.5) is None


def test_the_run_waits_for_a_late_proof_to_its_bound_and_a_little() -> None:
    """Stable since 3.8, and refused: up to 5.02, and half a second for the figures."""
    events = served_at(*refused(3.42, 7.0))
    assert waits(events, 5.4, stable_s=0.4) == "the recovery of backend"
    assert waits(events, 5.6, stable_s=0.4) is None


def test_the_run_does_not_wait_to_be_stable_what_is_not_even_healthy() -> None:
    """Degraded 0.5 s past the bound: it has failed whatever comes."""
    events = [*without(good(), between(3.0, 9.0)), *samples(3.0, 7.0, DEGRADED, *BOTH)]
    assert waits(events, 5.4) == "the recovery of backend"
    assert waits(events, 5.6) is None


# --- a recovery that nothing proved ---


def constant(until_s: float = 6.0, label: str = OUTAGE) -> list[AnyEvent]:
    """An app that says OK all the time, under a fault from 2.0 to 4.0."""
    events = healthy_run(until_s)
    return [*events, *fault(label, 2.0, 2.01, 4.0, 4.02), exited(until_s), ended(until_s + 0.1)]


def test_health_that_never_turned_proves_nothing() -> None:
    """Healthy before, under and after the fault, and no request: nobody knows that it is back."""
    verdict = recovered(constant(), proved=False)
    assert verdict.outcome == "UNKNOWN"
    way = data(verdict, "recovery.way_back_not_observed")
    assert way == {"fault": OUTAGE, "services": ("postgres", "redis")}
    assert codes(verdict)[:2] == ["recovery.way_back_not_observed", "recovery.declare_writes"]
    assert "no write proved that the app reaches postgres and redis again" in why(verdict)


def test_a_write_proves_what_health_does_not_tell() -> None:
    """Found in the service to which the path was cut."""
    proof = [write(4.1, "w", purpose="proof"), back(4.2, "w")]
    verdict = recovered([*constant(), *proof])
    assert verdict.outcome == "PASS"
    assert "recovery.by_health" not in codes(verdict)


def test_a_write_to_one_service_does_not_prove_the_way_back_to_another() -> None:
    """Redis was cut off, and the write went to Postgres."""
    events = without(constant(label="out"), of(FaultRequested))
    events += [FaultRequested(at_s=2.0, fault="out", links=(REDIS,))]
    events += [write(4.1, "w", purpose="proof"), back(4.2, "w")]
    verdict = recovered(events)
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, "recovery.way_back_not_observed")["services"] == ("redis",)
    turned = [*without(events, between(2.5, 4.1)), *samples(2.5, 4.1, DEGRADED, "redis")]
    verdict = recovered(turned)
    assert verdict.outcome == "PASS"
    assert "by its health alone after out: health was degraded at 3.950 s" in why(verdict)


def test_a_write_of_the_load_proves_it_where_no_proof_was_asked_for() -> None:
    """Acknowledged in time after the heal, and found."""
    served = [write(5.0, "user"), back(5.9, "user")]
    assert recovered([*constant(), *served], proved=False).outcome == "PASS"
    for other in (write(3.9, "user"), write(5.0, "user", "failed", code=503)):
        assert recovered([*constant(), other, back(5.9, "user")], proved=False).outcome != "PASS"
    assert recovered([*constant(), served[0]], proved=False).outcome == "UNKNOWN"


def test_a_pass_by_health_alone_says_so() -> None:
    """It was degraded when the fault was healed, and is healthy again."""
    turned = [*without(constant(), between(2.5, 4.1)), *samples(2.5, 4.1, DEGRADED, *BOTH)]
    verdict = recovered(turned, proved=False)
    assert verdict.outcome == "PASS"
    alone = f"by its health alone after {OUTAGE}: health was degraded at 3.950 s"
    assert f"{alone}, no write proved that the app reaches postgres and redis again" in why(verdict)


def test_health_that_turned_back_before_the_heal_tells_nothing_of_it() -> None:
    """Degraded from 2.5 to 3.0 only: healthy again while the fault was in force."""
    blip = [*without(constant(), between(2.5, 3.0)), *samples(2.5, 3.0, DEGRADED, *BOTH)]
    assert recovered(blip, proved=False).outcome == "UNKNOWN"


def test_after_a_restart_health_may_be_back_before_the_lab_calls_it_healed() -> None:
    """The server itself was: so any turn since it was stopped counts."""
    blip = [*without(constant(), between(2.5, 3.0)), *samples(2.5, 3.0, DEGRADED, *BOTH)]
    events = [replace(e, fault="again") if getattr(e, "fault", "") == OUTAGE else e for e in blip]  # type: ignore[call-arg]
    restart = Restarted(target="postgres", name="again")
    assert recovered(events, restart, proved=False).outcome == "PASS"
    quiet = [e for e in events if not isinstance(e, HealthSample) or e.state is HEALTHY]
    assert recovered([*quiet, *samples(2.5, 3.0, HEALTHY)], restart, proved=False).outcome == (
        "UNKNOWN"
    )


def test_a_turn_after_the_heal_counts() -> None:
    """The pool was found dead only then."""
    late = [*without(constant(), between(4.1, 4.3)), *samples(4.1, 4.3, DEGRADED, "postgres")]
    assert recovered(late, proved=False).outcome == "PASS"


def test_a_first_degraded_answer_is_not_the_faults_doing() -> None:
    """It said degraded until 1.3, and the fault began at 2.0; or under it, and healthy before the
    heal.
    """
    first = [*without(constant(), between(1.0, 1.3)), *samples(1.0, 1.3, DEGRADED, *BOTH)]
    assert recovered(first, proved=False).outcome == "UNKNOWN"
    early = [
        *without(first, lambda e: getattr(e, "fault", "") == OUTAGE),
        *fault(OUTAGE, 0.2, 0.21, 4.0, 4.02),
    ]
    assert recovered(early, proved=False).outcome == "UNKNOWN"


def test_an_app_that_is_not_up_yet_has_not_turned() -> None:
    """No answer before its first one says nothing of the fault; afterwards it does."""
    starting = samples(0.45, 0.95, UNREACHABLE)
    early = [
        *without(constant(), lambda e: getattr(e, "fault", "") == OUTAGE),
        *fault(OUTAGE, 0.2, 0.21, 0.8, 0.82),
    ]
    assert recovered([*early, *starting], proved=False).outcome == "UNKNOWN"
    hung = [*without(constant(), between(2.5, 4.1)), *samples(2.5, 4.1, UNREACHABLE)]
    assert recovered(hung, proved=False).outcome == "PASS"


def test_a_fault_on_anothers_links_alone_asks_for_no_way_back() -> None:
    """There is none of this app's that it cut."""
    events = without(constant(label="out"), of(FaultRequested))
    other = FaultRequested(at_s=2.0, fault="out", links=("auth.postgres",))
    assert recovered([*events, other], proved=False).outcome == "PASS"


def test_the_judge_tells_a_restart_by_the_plan() -> None:
    """Its kinds of faults are the plan's; Postgres alone is what a restart of it cuts off."""
    events = without(constant(label="restarted:postgres"), of(FaultRequested))
    events += [FaultRequested(at_s=2.0, fault="restarted:postgres", links=(PG,))]
    blip = [*without(events, between(2.5, 3.0)), *samples(2.5, 3.0, DEGRADED, "postgres")]
    faults = (Restarted(target="postgres"),)
    (verdict,) = judged(blip, Recovers(proved=False), faults=faults)
    assert data(verdict, "recovery.by_health")["fault"] == "restarted:postgres"


def overlapping(*named: str, alone_s: float = 3.0) -> list[AnyEvent]:
    """Redis is cut off from 2.0 to 4.0, Postgres from 3.0 to 6.0; health is degraded from
    `alone_s` to 6.1 and names these. A write to Postgres is served afterwards.
    """
    cut = [
        replace(e, links=(REDIS,) if e.fault == "redis" else (PG,))
        if isinstance(e, FaultRequested)
        else e
        for e in (*fault("redis", 2.0, 2.01, 4.0, 4.02), *fault("pg", 3.0, 3.01, 6.0, 6.02))
    ]
    said = [*samples(alone_s, 6.1, DEGRADED, *named), *samples(6.1, 8.0, HEALTHY)]
    proof = [write(6.2, "w", purpose="proof"), back(6.3, "w")]
    return [*healthy_run(alone_s), *cut, *said, *proof, exited(8.0), ended(8.1)]


def test_what_health_says_under_two_faults_is_not_both_of_theirs() -> None:
    """It names Postgres alone: nothing shows that the app reaches Redis again."""
    verdict = recovered(overlapping("postgres"))
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, "recovery.way_back_not_observed")["services"] == ("redis",)


def test_under_two_faults_health_tells_of_the_one_that_it_names_or_that_was_alone() -> None:
    """Redis by its name; or degraded at 2.5, before the second fault, and never healthy since."""
    assert recovered(overlapping("postgres", "redis")).outcome == "PASS"
    assert recovered(overlapping("postgres", alone_s=2.5)).outcome == "PASS"
