"""What an app does first that it did not do before a fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaoslab.evidence.first_change import first_change
from chaoslab.history.events import AnyEvent, Bound
from chaoslab.model.health import HealthState
from chaoslab.reason import Reason

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    exited,
    probed,
    sample,
    samples,
    spawned,
    write,
    writes,
)
from .histories import healthy_run, history_of

FAULT_S = 3.0
BEFORE = [*healthy_run(FAULT_S), *writes(1.1, FAULT_S), *probed("live", 1.0, FAULT_S)]
STARTING: list[AnyEvent] = [spawned(3.2), Bound(at_s=3.5, app="backend", boot=1)]


def change(*events: AnyEvent, before: Iterable[AnyEvent] = BEFORE) -> Reason | None:
    return first_change(history_of([*before, *events]), "backend", FAULT_S)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (sample(3.2, DEGRADED, "redis"), "health.answered"),
        (sample(3.2, UNHEALTHY), "health.answered"),
        (replace(sample(3.2, HEALTHY), status_code=299), "health.answered"),
        (sample(3.2, UNREACHABLE, took_s=1.0), "health.silent"),
        (sample(2.9, UNREACHABLE, took_s=1.0), "health.silent"),
        (probed("live", 3.2, 3.3, 503)[0], "change.prober"),
        (probed("live", 3.2, 3.3, None)[0], "change.prober"),
        (write(3.2, "no", "failed", code=500), "change.request"),
        (write(2.9, "hung", "indeterminate", code=None, took_s=2.0), "change.request"),
        (exited(3.2, code=1, asked=False), "app.exited"),
    ],
)
def test_an_app_that_answers_otherwise_than_before_is_affected(event: AnyEvent, code: str) -> None:
    """Health, liveness, a request and the process count, also what was open when it began."""
    found = change(event)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    "event",
    [
        sample(3.2, HEALTHY),
        write(3.2, "ok"),
        write(3.2, "proof", "failed", code=503, purpose="proof"),
        write(3.2, "other", "failed", code=503, app="auth"),
        probed("live", 3.2, 3.3)[0],
        exited(3.2, asked=True),
        write(2.5, "early", "failed", code=503),
    ],
)
def test_what_an_app_did_before_is_no_change(event: AnyEvent) -> None:
    """So are the lab's own proof, another app, a stop by the lab and a failure before the fault."""
    assert change(event) is None


def test_the_first_observation_counts() -> None:
    """Not the first of its kind."""
    found = change(sample(3.4, DEGRADED), write(3.3, "no", "failed", code=500))
    assert found is not None
    assert found.code == "change.request"


@pytest.mark.parametrize("state", [UNHEALTHY, DEGRADED, UNREACHABLE])
def test_a_start_up_may_answer_errors_for_a_moment(state: HealthState) -> None:
    """Two seconds after it listened they count."""
    early = samples(3.2, 5.4, state)
    assert change(*early, before=STARTING) is None
    assert change(*early, *samples(5.55, 5.7, state), before=STARTING) is not None


def test_an_app_that_does_not_listen_is_not_known_to_be_affected() -> None:
    """No answer of it shows anything: it may be starting."""
    waiting: list[AnyEvent] = [spawned(3.2), *samples(3.3, 9.0, UNREACHABLE)]
    assert change(before=waiting) is None
