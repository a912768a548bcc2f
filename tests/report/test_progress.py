"""The lines that tell a run while it goes on."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultInForce,
    FaultMissed,
    HealthSample,
    HealthTurned,
    HealthUnread,
    LabUp,
    LeftRunning,
    LinkLeftDead,
    LossNamed,
    PathBypassed,
    ProcessExited,
    ProcessSpawned,
    RestartDecided,
    Spawned,
    SupervisorStops,
)
from chaoslab.model.health import HealthState
from chaoslab.reason import Reason
from chaoslab.report.progress import line


def test_each_turn_of_a_run_is_one_line_with_its_time() -> None:
    """What happened, to what, and when, in seconds since the lab's start."""
    up = LabUp(at_s=0.25, took_s=0.25, versions={"redis": "Redis 6.2.14 (system)"}, links={})
    spawned = Spawned(at_s=1.0, app="shop", boot=2, pid=77, port=1, argv=(), env={})
    degraded = HealthTurned(at_s=2.5, app="shop", boot=2, state=HealthState.DEGRADED)
    assert line(up) == "    0.250 s  lab up: redis Redis 6.2.14 (system)"
    assert line(spawned) == "    1.000 s  spawned: shop, boot 2, pid 77"
    assert line(degraded) == "    2.500 s  shop health: degraded"


def test_an_answer_that_the_contract_does_not_read_is_printed_at_once() -> None:
    """With the reason that the verdict will have, long before the verdict."""
    why = """health answered 200 {"state":"UP"} without a word at 'status'"""
    event = HealthUnread(at_s=1.0, app="shop", boot=1, status_code=200, why=why)
    assert line(event) == f"    1.000 s  shop HEALTH NOT READ: {why}"
    word = HealthUnread(at_s=1.0, app="shop", boot=1, status_code=200, word="GOOD")
    assert str(line(word)).endswith(
        "NOT READ: the health contract does not have the word 'GOOD': "
        "say in [apps.shop.health.words] what it means"
    )


def test_a_fault_is_printed_in_force_healed_and_missed() -> None:
    """A fault that never came must catch the eye."""
    seen = FaultInForce(at_s=1.0, fault="cut", since_s=0.9, seen="shop.redis: canary refused")
    missed = FaultMissed(at_s=1.0, fault="cut", why=Reason(code="text", text="no such connection"))
    assert line(seen) == "    1.000 s  in force: cut (shop.redis: canary refused)"
    assert line(FaultHealed(at_s=2.0, fault="cut")) == "    2.000 s  healed: cut"
    assert line(missed) == "    1.000 s  MISSED: cut: no such connection"


def test_connections_left_dead_are_printed() -> None:
    """The fault is healed, and the app's old connections are not."""
    one = LinkLeftDead(at_s=2.0, link="shop.redis", fault="cut", connections=1)
    assert line(one) == "    2.000 s  left dead by the heal of cut: 1 connection of shop.redis"
    assert "2 connections of" in str(line(replace(one, connections=2)))


def test_an_unrequested_exit_is_printed_in_capitals() -> None:
    """The lab's own stop is no news; a crash is."""
    crash = Exited(at_s=1.0, app="shop", boot=1, exit_code=3, asked=False, log_tail=())
    stop = Exited(at_s=1.0, app="shop", boot=1, exit_code=0, asked=True, log_tail=())
    assert line(crash) == "    1.000 s  shop EXITED, code 3"
    assert line(stop) == "    1.000 s  shop stopped, code 0"


def test_what_becomes_of_a_further_process_is_printed() -> None:
    """Its start, its own end with the restart to come, and the lab's stop."""
    who = {"app": "shop", "process": "worker", "start": 1}
    assert line(ProcessSpawned(at_s=1.0, **who, pid=7, argv=())) == (
        "    1.000 s  spawned: shop, process worker, pid 7"
    )
    crash = ProcessExited(at_s=1.0, **who, exit_code=3, asked=False, log_tail=(), wait_s=0.2)
    worker = "    1.000 s  shop's process worker"
    assert line(crash) == f"{worker} EXITED, code 3, restarted in 0.2 s"
    stop = replace(crash, asked=True, wait_s=None)
    assert line(stop) == f"{worker} stopped, code 3"
    killed = replace(stop, killed_after_s=10.0)
    assert line(killed) == f"{worker} KILLED 10 s after SIGTERM, code 3"


def test_unobserved_traffic_past_the_proxy_is_mentioned() -> None:
    """When the lab is up; and each connection and each process that is found."""
    ups = [
        line(LabUp(at_s=0.25, took_s=0.25, versions={"redis": "7"}, links={}, past_proxy=how))
        for how in ("detected", "prevented", "not observed")
    ]
    assert ups == [
        "    0.250 s  lab up: redis 7",
        "    0.250 s  lab up: redis 7; traffic past the proxy: prevented by the network",
        "    0.250 s  lab up: redis 7; traffic past the proxy: not observed",
    ]
    past = PathBypassed(
        at_s=1.0,
        app="shop",
        boot=1,
        link="shop.redis",
        pid=0,
        process="",
        local_port=9,
        remote="127.0.0.1:6379",
        seen="server connections",
    )
    left = LeftRunning(at_s=1.0, app="shop", boot=1, pid=77, process="cron", ended=True)
    told = "PAST THE PROXY of shop.redis: pid unknown '' to 127.0.0.1:6379"
    assert line(past) == f"    1.000 s  {told}"
    assert line(left) == "    1.000 s  LEFT RUNNING by shop: pid 77 'cron'"


def test_samples_give_no_line() -> None:
    """Twenty a second would drown the rest."""
    sample = HealthSample(at_s=1.0, app="a", boot=1, took_s=0.1, state=HealthState.HEALTHY)
    assert line(sample) is None
    assert line(LossNamed(at_s=1.0, app="a", boot=1, lost=())) is None


def test_what_a_supervisor_does_is_printed() -> None:
    """When it stops an app and why, and when it starts the app again, or that it does not."""
    stops = SupervisorStops(at_s=1.0, app="shop", boot=1, why="not_live", grace_s=10)
    again = RestartDecided(at_s=2.0, app="shop", boot=1, why="not_live", exit_code=-15, wait_s=0.1)
    assert line(stops) == "    1.000 s  shop's supervisor stops it: liveness failed"
    slow = line(replace(stops, why="startup"))
    assert slow == "    1.000 s  shop's supervisor stops it: it did not start in time"
    assert line(again) == "    2.000 s  shop's supervisor restarts it in 0.1 s, code -15"
    never = line(replace(again, wait_s=None))
    assert never == "    2.000 s  shop's supervisor does not restart it, code -15"
