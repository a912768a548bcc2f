"""Runs `chaoslab export` as a user does, on the reference system's topology."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from chaoslab.cli import main

REPOSITORY = Path(__file__).parents[2]
APP = ("--app", "backend=app=backend")
PODS = (*APP, "--service", "postgres=app=postgres", "--service", "redis=app=redis")
OUTSIDE = (*APP, "--external", "postgres=db.example.com", "--external", "redis=10.20.0.0/16")
PORTS = (*APP, "--external", "postgres=10.20.0.5:5432", "--external", "redis=10.20.0.6:6379")
A_MINUTE = ("--duration-s", "60")

# Every fault that can be exported, with every kind of destination that it supports.
EXPORTABLE: tuple[tuple[str, ...], ...] = (
    ("severed", "vpc", *A_MINUTE, *PODS),
    ("severed", "vpc", *A_MINUTE, *OUTSIDE),
    ("severed", "vpc", *A_MINUTE, *PORTS),
    ("slow", "vpc", "--latency-s", "0.5", *A_MINUTE, *PODS),
    ("slow", "vpc", "--latency-s", "1.5", "--jitter-s", "0.25", *A_MINUTE, *OUTSIDE),
    ("slow", "redis", "--latency-s", "0.0002", "--stream", "upstream", *A_MINUTE, *PORTS),
    (
        *("slow", "backend.postgres", "--latency-s", "60", "--stream", "upstream"),
        *("--stream", "downstream", *A_MINUTE, *OUTSIDE),
    ),
    ("throttled", "vpc", "--rate-kb-per-s", "1", *A_MINUTE, *PODS),
    ("throttled", "vpc", "--rate-kb-per-s", "4000000", *A_MINUTE, *PODS),
    ("throttled", "vpc", "--rate-kb-per-s", "64", "--stream", "upstream", *A_MINUTE, *OUTSIDE),
    ("one-way", "vpc", *A_MINUTE, *PODS),
    ("one-way", "vpc", *A_MINUTE, *OUTSIDE),
    ("one-way", "vpc", "--stream", "upstream", *A_MINUTE, *PORTS),
    ("flapping", "vpc", "--period-s", "30", "--mode", "dropped", *PODS),
    ("flapping", "vpc", "--period-s", "90", "--duty", "0.1", "--mode", "dropped", *OUTSIDE),
)


def export(*arguments: str) -> Result:
    """`chaoslab export chaos-mesh ... --namespace shop` on the reference system."""
    topology = str(REPOSITORY / "chaoslab.toml")
    command = ["export", "chaos-mesh", *arguments, "--namespace", "shop", "--topology", topology]
    return CliRunner().invoke(main, command)


def exported(*arguments: str) -> list[dict[str, Any]]:
    """The documents that the command prints."""
    result = export(*arguments)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def case_id(arguments: tuple[str, ...]) -> str:
    """A name for a case of EXPORTABLE."""
    where = (
        "pods"
        if "--service" in arguments
        else "ports"
        if arguments[-5:] == PORTS[-5:]
        else "outside"
    )
    return f"{arguments[0]}-{arguments[1]}-{where}"
