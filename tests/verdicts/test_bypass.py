"""Connections past the proxy: a fault cannot affect them, so they make a PASS UNKNOWN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from chaoslab import Severed, Stopped
from chaoslab.expectations import Degrades, Recovers, Starts, StaysAvailable
from chaoslab.history.events import LabUp, LeftRunning, PathBypassed
from chaoslab.model.verdict import passed
from chaoslab.verdicts.bypass import weighed_by_path

from .events import ended
from .histories import good, healthy_run, history_of, judged, outcomes
from .plans import PG, TOPOLOGY, plan_of

NAMED = "process 77 'python' was connected from port 40001 to 127.0.0.1:5432 at 1.100 s"


def past(at_s: float = 1.1, **changed: Any) -> PathBypassed:
    """A connection of the first boot directly to Postgres."""
    one = PathBypassed(
        at_s=at_s,
        app="backend",
        boot=1,
        link=PG,
        pid=77,
        process="python",
        local_port=40001,
        remote="127.0.0.1:5432",
        seen="app sockets",
    )
    return replace(one, **changed)


def test_a_good_run_with_a_connection_past_the_proxy_is_unknown_and_names_it() -> None:
    """The first reason of each verdict about that link names process, port and address."""
    verdicts = judged([*good(), past()])
    assert outcomes(verdicts) == ["UNKNOWN"] * 3
    assert all(NAMED in v.texts[0] for v in verdicts)
    assert all("its own sockets" in v.texts[0] for v in verdicts)


def test_both_ways_in_which_one_connection_was_seen_are_one_line() -> None:
    """The connection is listed once, with both."""
    verdict = judged([*good(), past(), past(1.15, seen="server connections")])[0]
    named = [line for line in verdict.texts if NAMED in line]
    assert len(named) == 1
    assert "its own sockets and the server's connections" in named[0]


def test_of_many_connections_three_are_named_and_the_rest_are_counted() -> None:
    """An app may open one for each request."""
    verdict = judged([*good(), *(past(local_port=40001 + n) for n in range(10))])[0]
    assert sum("was connected from port" in line for line in verdict.texts) == 3
    assert f"past the proxy of {PG}: 7 more" in verdict.texts


def test_a_connection_of_a_process_that_is_of_no_boot_counts_for_each() -> None:
    """The process may work for the app."""
    stranger = past(boot=0, seen="server connections")
    verdict = judged([*good(), stranger])[0]
    assert verdict.outcome.value == "UNKNOWN"
    assert "not known to be of the app" in verdict.texts[0]


def test_a_process_that_is_not_shown_is_said_to_be_so() -> None:
    """The port of an unknown process is listed all the same."""
    hidden = past(boot=0, pid=0, process="", seen="server connections")
    verdict = judged([*good(), hidden])[0]
    assert "an unknown process" in verdict.texts[0]
    assert "from port 40001" in verdict.texts[0]


@pytest.mark.parametrize(
    "changed",
    [{"boot": 2}, {"app": "auth", "link": "auth.postgres"}],
    ids=["of another boot", "of another app"],
)
def test_a_connection_that_is_not_of_the_verdicts_own_boot_changes_nothing(
    changed: dict[str, Any],
) -> None:
    """A verdict is about one app, and usually about one boot."""
    assert outcomes(judged([*good(), past(**changed)])) == ["PASS"] * 3


def test_a_verdict_about_another_link_keeps_its_outcome_and_lists_the_connection() -> None:
    """The connection is to Postgres, and the verdict is about Redis."""
    redis = Severed(name="cut", target="backend.redis")
    events = [replace(e, fault="cut") if hasattr(e, "fault") else e for e in good()]
    verdicts = judged([*events, past()], Recovers(), faults=(redis,))
    assert outcomes(verdicts) == ["PASS"]
    assert any(NAMED in line for line in verdicts[0].texts)


def test_without_a_fault_the_way_does_not_matter() -> None:
    """There is no fault that the connection could avoid."""
    verdicts = judged([*healthy_run(), past(), ended(3.0)], StaysAvailable(), faults=())
    assert outcomes(verdicts) == ["PASS"]
    assert any(NAMED in line for line in verdicts[0].texts)


def test_a_failure_stays_one_and_lists_the_connection() -> None:
    """Such a connection makes no verdict better than UNKNOWN, and no FAIL better."""
    verdict = judged([*good(), past()], Starts(mode="normal"))[0]
    assert verdict.outcome.value == "FAIL"
    assert any(NAMED in line for line in verdict.texts)


@pytest.mark.parametrize(
    ("where", "told"), [("not observed", True), ("prevented", False), ("detected", False)]
)
def test_where_it_cannot_be_seen_a_line_says_so_and_changes_nothing(
    where: Literal["not observed", "prevented", "detected"], told: bool
) -> None:
    """The outcome stays the same."""
    up = LabUp(at_s=0.01, took_s=0.01, versions={}, links={}, past_proxy=where)
    verdicts = judged([up, *good()])
    assert outcomes(verdicts) == ["PASS"] * 3
    assert all(any("not observed" in line for line in v.texts) is told for v in verdicts)


@pytest.mark.parametrize(("killed", "how"), [(True, "ended by the lab"), (False, "could not end")])
def test_what_an_app_left_running_is_listed_and_changes_no_verdict(killed: bool, how: str) -> None:
    """The reason has number, name and fate of each process."""
    left = LeftRunning(at_s=9.0, app="backend", boot=1, pid=123, process="cron", ended=killed)
    verdicts = judged([*good(), left])
    assert outcomes(verdicts) == ["PASS"] * 3
    lines = [line for v in verdicts for line in v.texts if "left running" in line]
    assert len(lines) == 3
    assert all("pid 123 'cron'" in line and how in line for line in lines)


def test_the_fault_that_an_expectation_names_is_one_that_it_is_about() -> None:
    """It needs evidence as well, whatever `rests_on` lists."""
    e = Degrades(naming=("postgres",), fault="stopped:postgres", rests_on=("stopped:redis",))
    plan = plan_of(e, faults=(Stopped(target="postgres"), Stopped(target="redis")))
    history = history_of([*good(), past()])
    about = plan.expect[0]
    verdict = weighed_by_path(passed("degraded", ""), about, TOPOLOGY, plan, history)
    assert verdict.outcome.value == "UNKNOWN"
