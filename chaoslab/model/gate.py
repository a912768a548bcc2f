"""The stages of a gate: which scenarios run, how many must pass, and what stops the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

GateRuntime = Literal["auto", "docker", "local", "netns", "loopback"]
TakenRuntime = Literal["docker", "netns", "loopback"]
GateProxy = Literal["auto", "embedded", "toxiproxy"]
AbortRule = Literal["unreachable", "p1", "slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStage:
    """The scenarios that `marker` selects, as `pytest -m` reads it.

    `pass_rate` is the share of them, from 0 to 1, that must PASS. `abort_on` are the rules that
    stop the whole gate as soon as one of them applies to a finished scenario.
    """

    name: str
    marker: str
    pass_rate: float
    deadline_s: float = 900.0
    abort_on: tuple[AbortRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRule:
    """The rule `slow`: it applies if for `for_s` seconds every answer to the load's writes took
    longer than `responses_s` seconds.
    """

    responses_s: float
    for_s: float


def _present_name(runtime: object) -> Any:
    """`local` for `embedded`, the name of that runtime in older files. Any other value as it is."""
    return "local" if runtime == "embedded" else runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The stages in their order, and how they are run.

    `runtime`: `auto` is docker if the machine is ready for it, else local. `proxy`: `auto` is a
    real Toxiproxy on docker, and the lab's own engine elsewhere. `workers` is how many scenarios
    run at the same time. `retries` is how often a scenario that did not pass is run again; it then
    counts as flaky, not as passed. `p1` are the verdicts of the highest severity. `scenarios` is
    the folder of the scenarios, relative to the topology's folder.
    """

    stages: tuple[GateStage, ...]
    runtime: Annotated[GateRuntime, BeforeValidator(_present_name)] = "auto"
    proxy: GateProxy = "auto"
    scenarios: str = "scenarios"
    workers: int = 1
    deadline_s: float = 3600.0
    retries: int = 0
    p1: tuple[str, ...] = ("starts", "keeps_acknowledged")
    slow: SlowRule | None = None
