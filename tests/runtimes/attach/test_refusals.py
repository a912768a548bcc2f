"""What cannot be done to an external system is refused before the run, with every reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaoslab import Boot, Killed, Load, Severed, expect, when
from chaoslab.errors import FaultUnsupported
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import Attach
from chaoslab.runtimes.attach.refusals import refuse

from .cluster import REFERENCE

ATTACH = Attach(
    toxiproxy="http://127.0.0.1:8474",
    apps={"backend": "http://127.0.0.1:8080"},
    links={"backend.postgres": "pg", "backend.redis": "cache"},
    services={"postgres": "postgresql://127.0.0.1/app"},
)
RUNNING = Severed(target="vpc", mode="refused", start=when.healthy(), stop=when.degraded(1))


def reasons(attach: Attach = ATTACH, **plan: Any) -> str:
    """What the plan is refused for; empty where it is not."""
    try:
        refuse(resolve(Plan(**plan), REFERENCE), REFERENCE, attach)
    except FaultUnsupported as error:
        return str(error)
    return ""


def test_a_fault_under_a_running_app_is_carried_out() -> None:
    """Starting, degrading, recovering and keeping writes can all be watched from outside."""
    assert not reasons(
        faults=(RUNNING,),
        load=(Load(start=when.healthy(), rate_per_s=5),),
        expect=(
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres", "redis")),
            expect.Recovers(),
            expect.KeepsAcknowledged(),
        ),
    )


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"boots": (Boot(env={"A": "b"}),)}, "the environment of backend cannot be changed (A)"),
        ({"boots": (Boot(), Boot(at=when.healthy()))}, "backend cannot be restarted"),
        ({"boots": (Boot(restarts=1),)}, "backend cannot be restarted"),
        (
            {
                "boots": (
                    Boot(
                        supervisor=Supervisor(),
                    ),
                )
            },
            "backend cannot be restarted",
        ),
        ({"boots": (Boot(stop=when.healthy()),)}, "backend cannot be stopped"),
        (
            {"faults": (Killed(target="redis"),)},
            "killed:redis: attach mode does not stop or change",
        ),
        ({"expect": (expect.FailsFast(naming=("postgres",)),)}, "the app has already started"),
        ({"expect": (expect.Starts(mode="degraded"),)}, "expects a degraded start-up"),
        (
            {"faults": (Severed(target="vpc"),), "expect": (expect.Starts(),)},
            "severed:vpc must be in force during the start-up",
        ),
        (
            {"faults": (Severed(target="vpc", stop=when.bound(0.5)),)},
            "the moment 'bound' is not observable in attach mode",
        ),
        (
            {"faults": (RUNNING,), "expect": (expect.BoundedCost(),)},
            "'bounded_cost': what backend costs is not observable in attach mode",
        ),
    ],
)
def test_what_needs_a_boot_or_a_service_is_refused(plan: dict[str, Any], said: str) -> None:
    """Each with its own reason, so that a skipped scenario shows why."""
    assert said in reasons(**plan)


def test_a_fault_before_the_look_without_a_start_up_is_carried_out() -> None:
    """It holds when the lab begins to watch: nothing of a start-up is claimed."""
    fault = Severed(target="vpc", mode="refused", stop=when.degraded(1))
    assert not reasons(faults=(fault,), expect=(expect.Degrades(naming=("postgres", "redis")),))


def test_a_write_that_could_not_be_looked_up_is_not_written() -> None:
    """It would prove nothing, and stay in the user's database."""
    blind = replace(ATTACH, services={})
    wanted = "no [attach.services.postgres]"
    assert wanted in reasons(blind, faults=(RUNNING,), expect=(expect.Recovers(),))
    assert wanted in reasons(blind, load=(Load(start=when.healthy(), rate_per_s=5),))
    assert not reasons(blind, faults=(RUNNING,), expect=(expect.Recovers(proved=False),))


def test_an_app_without_an_address_is_reported_with_all_other_reasons() -> None:
    """Every reason at once."""
    nobody = replace(ATTACH, apps={"other": "http://127.0.0.1:1"}, links={"backend.redis": "c"})
    said = reasons(nobody, faults=(RUNNING, Killed(target="redis")))
    assert "[attach.apps.backend] is missing" in said
    assert 'no [attach.links."backend.postgres"]' in said
    assert "killed:redis" in said
