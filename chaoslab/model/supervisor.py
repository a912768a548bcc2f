"""The supervisor of an app: what starts the app again after its process has ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal, get_args

from chaoslab.errors import Problem
from chaoslab.model.values import one_of, wrong

if TYPE_CHECKING:
    from chaoslab.model.topology import App

Restart = Literal["always", "on_failure", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """How a platform treats a process that has ended, or that is alive and answers no more.

    `restart`: `always` starts the app again after every exit, `on_failure` after an exit code other
    than 0 or a signal, `never` not at all. It does so at most `at_most` times; None means without
    end. The first restart comes `backoff_s` seconds after the exit. Each one in a row waits
    `backoff_factor` times as long as the one before, up to `backoff_max_s`. A boot that ran for
    `reset_after_s` begins a new row.

    With `liveness` the supervisor also stops an app whose `live_path` has missed
    `health.prober_failures` answers in a row, and then starts it again, unless `restart` is
    `never`. Misses that are less than `liveness_period_s` apart count as one, and a good answer
    ends the row. They count from the first good answer on, which ends the start-up. If there is
    none `startup_probe_s` after the spawn, the supervisor stops the app too. It sends SIGTERM, and
    SIGKILL `grace_s` later.

    Sources: Docker waits 100 ms, then twice as long each time, up to a minute, and begins again
    after 10 s (its run reference). A kubelet restarts at once, then waits 10 s, then twice as long
    each time, up to 300 s, and begins again after 10 min (Pod lifecycle); it asks liveness every
    10 s, and gives 30 s to stop.
    systemd waits 100 ms each time (`RestartSec=`), and gives up after 5 starts in 10 s
    (`StartLimitBurst=`). The longest wait is shorter here: a run has seconds, not minutes.
    """

    restart: Restart = "always"
    at_most: int | None = None
    backoff_s: float = 0.1
    backoff_factor: float = 2.0
    backoff_max_s: float = 5.0
    reset_after_s: float = 10.0
    liveness: bool = False
    liveness_period_s: float = 1.0
    startup_probe_s: float = 60.0
    grace_s: float = 10.0

    @property
    def most_restarts(self) -> float:
        """How often it may start the app again. Infinite without a limit."""
        if self.restart == "never":
            return 0
        return inf if self.at_most is None else self.at_most

    @property
    def acts(self) -> bool:
        """Whether it may ever stop or restart the app."""
        return self.liveness or self.most_restarts > 0

    def restarts(self, exit_code: int, *, stopped: bool) -> bool:
        """Whether it starts the app again after an exit with this code, if its limit allows it.
        `stopped`: the supervisor itself had stopped the process.
        """
        if self.restart == "on_failure":
            return stopped or exit_code != 0
        return self.restart == "always"

    def wait_s(self, in_a_row: int) -> float:
        """The seconds from the exit to the restart, after `in_a_row` restarts in a row."""
        wait_s = min(self.backoff_s, self.backoff_max_s)
        for _ in range(in_a_row):
            if wait_s in (0.0, self.backoff_max_s):
                break
            wait_s = min(wait_s * self.backoff_factor, self.backoff_max_s)
        return wait_s


def supervisor_problems(where: str, supervisor: Supervisor, app: App) -> Iterator[Problem]:
    """A problem for each value of the supervisor that is not allowed, or that does not fit the app.
    `where` is its place in the plan.
    """
    yield from one_of(where, "restart", supervisor.restart, get_args(Restart))
    if supervisor.at_most is not None and supervisor.at_most < 0:
        yield wrong(where, "at_most", supervisor.at_most, "0 or more, or None for no limit")
    least = {"backoff_s": 0, "backoff_factor": 1, "backoff_max_s": 0, "reset_after_s": 0}
    for name, bound in least.items():
        if not bound <= (value := getattr(supervisor, name)) < inf:
            yield wrong(where, name, value, f"a number, {bound} or more")
    for name in ("liveness_period_s", "startup_probe_s", "grace_s"):
        if not 0 < (value := getattr(supervisor, name)) < inf:
            yield wrong(where, name, value, "a number of seconds above 0")
    if supervisor.liveness and app.health.live_path is None:
        fix = f"add live_path to apps.{app.name}.health"
        yield wrong(where, "liveness", True, "an app with a live_path", fix)
