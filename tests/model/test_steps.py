"""Steps and probes of a scenario's own, as data: names, sources and problems."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chaoslab import Severed, when
from chaoslab.errors import SpecError
from chaoslab.history.saved_plan import plan_json
from chaoslab.model.masking import mask_of
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.steps import HttpQuestion, Probe, Step
from chaoslab.model.topology import App, Service, Topology
from chaoslab.model.when import AtMoment

TOPOLOGY = Topology(
    name="small",
    apps={"backend": App(name="backend", command=("a",))},
    services={},
)

WITH_LINK = Topology(
    name="small",
    apps={"backend": App(name="backend", command=("a",), links=("db",))},
    services={"db": Service(name="db", kind="tcp")},
)
AT = when.healthy()


def flush_cache() -> str:
    """A step with a secret in its text."""
    return "postgresql://app:hunter2-hunter2@db/app"


def resolved(*, steps: Sequence[Step] = (), probes: Sequence[Probe] = ()) -> Plan:
    return resolve(Plan(steps=tuple(steps), probes=tuple(probes)), TOPOLOGY)


def test_a_step_has_the_name_of_its_function_and_its_source_text() -> None:
    """The time to wait for its moment comes from the app's deadlines."""
    (step,) = resolved(steps=[Step(at=AT, do=flush_cache)]).steps
    assert step.name == "flush_cache"
    assert step.source.startswith("def flush_cache() -> str:")
    assert step.at.within_s is not None


def test_a_built_in_has_its_name_for_a_text() -> None:
    """It has no source text."""
    assert resolved(probes=[Probe(name="n", call=len)]).probes[0].source == "len"


def test_a_saved_plan_has_the_text_and_not_the_callable() -> None:
    """Secrets in the text are masked."""
    plan = resolved(steps=[Step(at=AT, do=flush_cache)])
    saved = plan_json(mask_of(TOPOLOGY, plan).of(plan)).decode()
    assert "def flush_cache" in saved
    assert '"do": null' in saved
    assert "hunter2" not in saved


def test_a_request_goes_to_the_only_app() -> None:
    """Unless it names a URL."""
    asks = HttpQuestion(path="/pay")
    other = HttpQuestion(path="/pay", url="http://127.0.0.1:9000")
    plan = resolved(probes=[Probe(name="a", http=asks), Probe(name="b", http=other)])
    apps = [probe.http.app for probe in plan.probes if probe.http]
    assert apps == [next(iter(TOPOLOGY.apps)), ""]


@pytest.mark.parametrize(
    ("plan", "wanted"),
    [
        (Plan(steps=(Step(at=AT),)), "steps[0]: do is None"),
        (Plan(steps=(Step(at=AT, do=len, timeout_s=0),)), "timeout_s is 0"),
        (Plan(steps=(Step(at=AT, do=len), Step(at=AT, do=len))), "'len' is used by steps[0]"),
        (Plan(steps=(Step(at=when.healed("no"), do=len),)), "steps[0].at: fault is 'no'"),
        (Plan(probes=(Probe(name="", call=len),)), "probes[0]: has no name"),
        (Plan(probes=(Probe(name="a"),)), "probes[0]: asks nothing"),
        (
            Plan(probes=(Probe(name="a", call=len, http=HttpQuestion(path="/")),)),
            "has both http= and call=",
        ),
        (Plan(probes=(Probe(name="a", call=len, every_s=0),)), "every_s is 0"),
        (Plan(probes=(Probe(name="a", http=HttpQuestion(path="pay")),)), "path is 'pay'"),
        (
            Plan(probes=(Probe(name="a", http=HttpQuestion(path="/", url="https://x")),)),
            "url is 'https://x'",
        ),
        (
            Plan(probes=(Probe(name="a", http=HttpQuestion(path="/", app="nobody")),)),
            "unknown app 'nobody'",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_before_the_run(plan: Plan, wanted: str) -> None:
    """The problem names the place in the plan."""
    with pytest.raises(SpecError) as raised:
        resolve(plan, TOPOLOGY)
    assert wanted in str(raised.value)


def test_problems_are_found_together() -> None:
    """One mistake does not hide another."""
    with pytest.raises(SpecError) as raised:
        resolve(Plan(steps=(Step(at=AT),), probes=(Probe(name="a"),)), TOPOLOGY)
    assert len(raised.value.problems) == 2


def test_a_fault_may_wait_for_the_whole_time_of_a_step() -> None:
    """The step's own limit is added to the app's deadlines, also for any step."""
    slow = Step(at=AT, do=flush_cache, timeout_s=120.0)
    cuts = [
        Severed(target="backend.db", name=name, stop=stop)
        for name, stop in (("one", when.done("flush_cache")), ("any", AtMoment(moment="done")))
    ]
    plan = resolve(Plan(faults=tuple(cuts), steps=(slow,)), WITH_LINK)
    for fault in plan.faults:
        assert fault.stop is not None
        assert (fault.stop.within_s or 0.0) > 120.0
    assert plan.limit_s is not None
    assert plan.limit_s > 120.0


def test_a_step_that_the_plan_does_not_have_is_a_mistake() -> None:
    """It would never be over."""
    cut = Severed(target="backend.db", stop=when.done("flush"))
    with pytest.raises(SpecError, match="expected one of: flush_cache"):
        resolve(Plan(faults=(cut,), steps=(Step(at=AT, do=flush_cache),)), WITH_LINK)
