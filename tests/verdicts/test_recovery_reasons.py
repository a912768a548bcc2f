"""What can explain a late recovery is among its reasons."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    LossNamed,
    ReadBack,
    Request,
)
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    canary,
    connection,
    ended,
    exited,
    of,
    samples,
    sockets,
    without,
    write,
)
from .histories import good
from .plans import BOTH, PG
from .reading import codes
from .recovering import after, recovered, why


def stuck(*events: AnyEvent) -> Verdict:
    """Degraded from the heal to the end, 2.2 s of it watched, and what else was seen."""
    long = [
        *without(after(3.0), lambda e: e.kind in ("exited", "run_ended")),
        *samples(3.0, 5.2, DEGRADED, *BOTH),
    ]
    return recovered([*long, *events, exited(5.2), ended(5.3)])


def opened(*times_s: float) -> list[AnyEvent]:
    """The app's connections to Postgres as the engine tells them at the end."""
    each = enumerate(times_s, start=1)
    return [connection(PG, 7000 + n, fault="", read_s=5.2, number=n, opened_s=s) for n, s in each]


def test_a_link_without_a_new_connection_is_reported() -> None:
    """The lab's canary is not the app; a connection from before the heal is counted apart. A
    connect that fails in the app's own network does not reach the proxy, so "tried" would be too
    much.
    """
    lab = [canary(3.01, PG, "answered", port=41), connection(PG, 41, fault="", opened_s=3.005)]
    verdict = stuck(*lab, *opened(2.9))
    assert verdict.outcome == "FAIL"
    waited = "accepted no connection of the app for 2.2 s after the heal (1 older stayed open)"
    assert f"the proxy of backend.postgres {waited}" in why(verdict)
    assert "tried" not in why(verdict)


def test_new_connections_on_a_link_are_reported() -> None:
    """From the heal's beginning on; or by the app's own sockets, where no proxy keeps records."""
    first = "after the heal, the first 0.1 s after it"
    accepted = f"the proxy of backend.postgres accepted 3 connections of the app {first}"
    assert accepted in why(stuck(*opened(3.1, 3.2, 3.9)))
    bare = without(stuck_events(), of(AppSockets))
    ports = [sockets(3.1, PG, syn_sent=(1,)), sockets(3.2, PG, established=(1, 2))]
    seen = recovered([*bare, *ports, sockets(3.9, PG, established=(3,))])
    assert f"3 connections were observed on backend.postgres {first}" in why(seen)


def stuck_events() -> list[AnyEvent]:
    long = without(after(3.0), lambda e: e.kind in ("exited", "run_ended"))
    return [*long, *samples(3.0, 5.2, DEGRADED, *BOTH), exited(5.2), ended(5.3)]


def test_a_late_connection_says_how_long_the_link_had_none() -> None:
    """Healthy too late, without a connection before."""
    late = [e for e in after(3.0) if e.kind not in ("exited", "run_ended")]
    late += [*samples(3.0, 6.7, DEGRADED, *BOTH), *samples(6.7, 7.4, HEALTHY), *opened(6.52)]
    verdict = recovered([*late, exited(7.5), ended(7.6)])
    assert (verdict.outcome, codes(verdict)[1]) == ("FAIL", "bound.missed")
    pause = "accepted no connection of the app for 3.5 s after the heal, then 1"
    assert f"the proxy of backend.postgres {pause}" in why(verdict)


def test_what_health_still_names_as_lost_is_reported() -> None:
    """The last that it named; nothing where it took all back."""
    named = LossNamed(at_s=2.0, app="backend", boot=1, lost=BOTH)
    partly = replace(named, at_s=3.4, lost=("postgres",))
    assert "it still names postgres as lost" in why(stuck(named, partly))
    assert "as lost" not in why(stuck(named, replace(named, at_s=3.4, lost=())))


def test_healthy_for_a_moment_only_is_reported() -> None:
    """Healthy at 3.51 for 0.19 s, and degraded to the end."""
    events = [e for e in stuck_events() if not (e.kind == "health_sample" and e.at_s >= 3.5)]
    events += [*samples(3.5, 3.7, HEALTHY), *samples(3.7, 5.2, DEGRADED, *BOTH)]
    verdict = recovered(events)
    assert verdict.outcome == "FAIL"
    assert "healthy 0.490 s after the heal, and degraded again 0.190 s later" in why(verdict)


def test_a_proof_that_is_refused_is_quoted() -> None:
    """In the app's own words."""
    said = '{"detail": "circuit breaker open, next try in 0.9 s"}'
    proof = replace(write(3.42, "w", "failed", purpose="proof", code=503), answer=said)
    verdict = recovered([*without(good(), of(Request, ReadBack)), proof])
    assert f"no write was acknowledged (503: {said})" in why(verdict)
