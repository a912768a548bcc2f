"""The staged gate: which scenarios run in which order, how many must pass, and what stops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

GateRuntime = Literal["auto", "docker", "local"]
GateProxy = Literal["auto", "embedded", "toxiproxy"]
AbortRule = Literal["unreachable", "p1", "slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStage:
    """The scenarios that `marker` selects, as `pytest -m` reads it.

    `pass_rate` is the share of them, 0 to 1, that must PASS; `abort_on` are the rules that stop the
    whole gate as soon as one of them holds for a scenario that ended.
    """

    name: str
    marker: str
    pass_rate: float
    deadline_s: float = 900.0
    abort_on: tuple[AbortRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRule:
    """The rule `slow`: every answer to the load's writes took longer than `responses_s`, all
    through `for_s` seconds.
    """

    responses_s: float
    for_s: float


def _of_before(runtime: object) -> Any:
    """Topologies in runs of before call it as the proxy is called."""
    return "local" if runtime == "embedded" else runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The stages in their order, and how they are run.

    `runtime`: `auto` is docker where the machine is ready for it, else local. `proxy`: `auto`
    is a real Toxiproxy on docker, and the lab's own engine on local. `workers`: how
    many scenarios run at a time; `retries`: how often one that did not pass is run again, which
    never makes it a plain pass; `p1`: the verdicts of the highest severity; `scenarios`: the
    folder of the scenarios, as seen from the topology's.
    """

    stages: tuple[GateStage, ...]
    runtime: Annotated[GateRuntime, BeforeValidator(_of_before)] = "auto"
    proxy: GateProxy = "auto"
    scenarios: str = "scenarios"
    workers: int = 1
    deadline_s: float = 3600.0
    retries: int = 0
    p1: tuple[str, ...] = ("starts", "keeps_acknowledged")
    slow: SlowRule | None = None
