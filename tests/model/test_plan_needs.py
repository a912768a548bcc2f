"""What an expectation needs from the app and the plan. It is checked before the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Severed
from chaoslab import expectations as expect
from chaoslab.errors import SpecError
from chaoslab.expectations import Expectation
from chaoslab.model import when
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.requests import Found, GoodAnswer, RequestContract
from chaoslab.model.topology import App, Service, Topology

WEB = App(
    name="web",
    command=("a",),
    links=("postgres",),
    health=HealthContract(live_path="/live", ready_path="/ready"),
    requests={
        "write": RequestContract(
            name="write",
            kind="write",
            method="POST",
            path="/t",
            body={},
            found=Found(service="postgres", table="t"),
        ),
        "seen": RequestContract(
            name="seen", kind="read", path="/t/{id}", good=GoodAnswer(equals={"id": "{id}"})
        ),
        "chat": RequestContract(
            name="chat",
            kind="job",
            path="/c/{id}/{user}",
            found=Found(events="/e/{user}", within_s=1.0),
            users=("ann", "ben"),
        ),
    },
)
POSTGRES = Service(name="postgres", kind="postgres")
SEVERED = Severed(target="postgres", stop=when.degraded(0.6))
LOAD = Load(start=when.healthy())
READS, CHATS = replace(LOAD, request="seen"), replace(LOAD, request="chat")
EVERYTHING: tuple[Expectation, ...] = (
    expect.Serves(),
    expect.StaysLive(),
    expect.AnswersInTime(),
    expect.ReadyWhenServing(),
    expect.ReleasesConnections(),
    expect.BacksOff(),
    expect.BoundedCost(),
    expect.RegainsLatency(),
)


def topology(web: App = WEB) -> Topology:
    return Topology(name="t", services={"postgres": POSTGRES}, apps={"web": web})


def plan(*asked: Expectation, **changed: object) -> Plan:
    whole = Plan(faults=(SEVERED,), load=(LOAD,), expect=asked)
    return replace(whole, **changed)  # type: ignore[arg-type]


def problems(plan: Plan, web: App = WEB) -> str:
    with pytest.raises(SpecError) as refused:
        resolve(plan, topology(web))
    return str(refused.value)


def test_a_plan_that_has_it_all_is_taken() -> None:
    """It declares every path, has users and a fault that heals."""
    assert len(resolve(plan(*EVERYTHING), topology()).expect) == len(EVERYTHING)


@pytest.mark.parametrize(
    ("asked", "path"),
    [(expect.StaysLive(), "live_path"), (expect.ReadyWhenServing(), "ready_path")],
    ids=["live", "ready"],
)
def test_a_path_that_the_app_does_not_declare_cannot_be_asked(
    asked: Expectation, path: str
) -> None:
    """The fix names the table for the path."""
    said = problems(plan(asked), replace(WEB, health=HealthContract()))
    assert f"expect[0]: '{asked.kind}' needs the {path} of 'web', which declares none" in said
    assert f"add {path} to [apps.web.health]" in said


def test_answers_in_time_takes_an_app_without_readiness() -> None:
    """Then only health must keep the prober's limit."""
    bare = replace(WEB, health=HealthContract())
    assert resolve(plan(expect.AnswersInTime()), topology(bare))


@pytest.mark.parametrize(
    "asked",
    [
        expect.Serves(),
        expect.RefusesHonestly(),
        expect.RegainsLatency(),
        expect.ReadyWhenServing(),
    ],
    ids=str,
)
def test_a_claim_about_users_needs_users(asked: Expectation) -> None:
    """There is no load, or only one of another app, so nothing writes."""
    said = problems(plan(asked, load=()))
    assert f"'{asked.kind}' is judged by a load's requests, and the plan has no load of web" in said
    assert "load=[Load(start=when.healthy())]" in said


@pytest.mark.parametrize(
    "asked",
    [
        expect.BacksOff(),
        expect.BoundedCost(),
        expect.ReleasesConnections(),
        expect.RegainsLatency(),
    ],
    ids=str,
)
def test_a_claim_about_a_fault_needs_one(asked: Expectation) -> None:
    """Without a fault there is nothing to judge."""
    assert f"'{asked.kind}' needs a fault" in problems(plan(asked, faults=()))


@pytest.mark.parametrize(
    "asked",
    [expect.ReleasesConnections(), expect.RegainsLatency(), expect.Serves()],
    ids=str,
)
def test_what_is_measured_after_the_heal_needs_one(asked: Expectation) -> None:
    """A fault without a stop leaves no time after it."""
    lasting = replace(SEVERED, stop=None)
    said = problems(plan(asked, faults=(lasting,)))
    assert f"'{asked.kind}' needs the heal of " in said
    assert resolve(plan(expect.BacksOff(), faults=(lasting,)), topology())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (expect.Serves(at_least=0), "at_least is 0"),
        (expect.RefusesHonestly(at_least=-1), "at_least is -1"),
        (expect.Serves(after_heal=0), "after_heal is 0"),
        (expect.Serves(within_s=0.0), "within_s is 0.0"),
        (expect.RegainsLatency(at_least=0), "at_least is 0"),
        (expect.RegainsLatency(ratio=0.0), "ratio is 0.0"),
        (expect.RegainsLatency(ratio=float("nan")), "ratio is nan"),
        (expect.ReadyWhenServing(within_s=-1.0), "within_s is -1.0"),
        (expect.BacksOff(connects_per_s=0.0), "connects_per_s is 0.0"),
        (expect.BacksOff(herd=0), "herd is 0"),
        (expect.BoundedCost(cpu_cores=0.0), "cpu_cores is 0.0"),
        (expect.BoundedCost(rss_growth_mib=float("nan")), "rss_growth_mib is nan"),
        (expect.BoundedCost(factor=0.5), "factor is 0.5"),
        (expect.BoundedCost(services=("redis",)), "services has 'redis'"),
        (expect.ReleasesConnections(spare=-1), "spare is -1"),
        (expect.FailsFast(naming=("postgres",), cause="refused"), "write ('refused',)"),  # type: ignore[arg-type]
        (expect.FailsFast(naming="postgres"), "write ('postgres',)"),  # type: ignore[arg-type]
        (expect.FailsFast(exit_code="any"), "exit_code is 'any'"),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_bound_that_makes_no_sense_is_refused(asked: Expectation, told: str) -> None:
    """It is refused before the run."""
    assert told in problems(plan(asked))


def test_a_prober_must_have_a_cadence() -> None:
    """A cadence of zero would send requests without a pause."""
    said = problems(plan(sampling=Sampling(prober_cadence_s=0.0)))
    assert "sampling: prober_cadence_s is 0.0" in said


def test_requests_under_a_fault_need_a_fault_a_load_and_its_patience() -> None:
    """A load that gives up before the bound could not show that an answer came in time."""
    asked = expect.AnswersRequests(within_s=1.5)
    assert resolve(plan(asked), topology())
    assert "'answers_requests' needs a fault" in problems(plan(asked, faults=()))
    assert "and the plan has no load of web" in problems(plan(asked, load=()))
    impatient = replace(LOAD, timeout_s=1.0)
    assert "timeout_s" in problems(plan(asked, load=(impatient,)))
    assert "rests_on is ()" in problems(plan(replace(asked, rests_on=())))
    assert "at_least is 0" in problems(plan(replace(asked, at_least=0)))
    assert "within_s is 0" in problems(plan(replace(asked, within_s=0.0)))


def test_own_content_needs_a_good_answer_with_an_id_and_a_load_of_it() -> None:
    """Otherwise there is nothing to compare, or nothing comes."""
    asked = expect.ReadsOwnWrites()
    assert resolve(plan(asked, load=(READS,)), topology())
    bare = replace(WEB, requests={"write": WEB.requests["write"]})
    said = problems(plan(asked), bare)
    assert "compares answers with the requests, and no good answer of 'web' has an id" in said
    said = problems(plan(asked))
    assert "the plan has no load of web with the request seen" in said
    assert "load=[Load(start=when.healthy(), request='seen')]" in said
    assert "request is 'sene'" in problems(plan(replace(asked, request="sene"), load=(READS,)))
    assert "at_least is 0" in problems(plan(replace(asked, at_least=0), load=(READS,)))


def test_separate_users_need_a_job_with_users_and_a_load_of_it() -> None:
    """Otherwise nobody could get another one's event."""
    asked = expect.SeparatesUsers()
    assert resolve(plan(asked, load=(CHATS,)), topology())
    alone = replace(WEB.requests["chat"], users=())
    said = problems(plan(asked), replace(WEB, requests={"chat": alone}))
    assert "is about the users of a job, and no job of 'web' has users" in said
    assert "the plan has no load of web with the request chat" in problems(plan(asked))
    said = problems(plan(replace(asked, request="write"), load=(CHATS,)))
    assert "request is 'write'" in said
    assert "at_least is 0" in problems(plan(replace(asked, at_least=0), load=(CHATS,)))
