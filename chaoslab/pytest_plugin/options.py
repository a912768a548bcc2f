"""The plugin's options. Loaded by every pytest session, so it imports nothing heavy."""

from __future__ import annotations

import pytest

from chaoslab.runtimes.table import DEFAULT, TABLE


def add_options(parser: pytest.Parser) -> None:
    """All options of the plugin, in a group of their own."""
    group = parser.getgroup("chaoslab", "fault injection")
    group.addoption(
        "--chaos-proxy",
        choices=("embedded", "toxiproxy"),
        help="the proxy on the links: the embedded engine (usual for local), or a real Toxiproxy "
        "(usual for the others; for local a toxiproxy-server on PATH)",
    )
    group.addoption(
        "--chaos-runtime",
        choices=tuple(TABLE),
        default=DEFAULT,
        help="where it runs; what the lab starts: "
        + ", ".join(f"{entry.name} ({entry.starts})" for entry in TABLE.values()),
    )
    group.addoption("--chaos-seed", type=int, help="repeat a run's random choices by its seed")
    group.addoption("--chaos-results", metavar="DIR", help="where runs are saved (results/)")
    group.addoption("--chaos-topology", metavar="FILE", help="the topology (chaoslab.toml)")
    group.addoption(
        "--chaos-command",
        metavar="APP=COMMAND",
        action="append",
        default=[],
        help="another build of an app, in place of the topology's command; may be repeated",
    )
    group.addoption(
        "--chaos-report",
        metavar="FILE",
        help="write one line of JSON for each test that ends, as it ends",
    )
    group.addoption(
        "--chaos-disable",
        metavar="MUTATION:FAULT",
        help="a self-test: disable that fault in the data plane (inert, bypassed, inert-to-app); "
        "a run without it must end UNKNOWN",
    )
    group.addoption(
        "--chaos-max-lag-s",
        metavar="SECONDS",
        type=float,
        help="maximum delay of the lab itself to judge times (0.5); saved with each plan",
    )
    group.addoption(
        "--chaos-plan-only",
        action="store_true",
        help="save each scenario's first plan and skip the scenario",
    )
    group.addoption(
        "--chaos-progress",
        choices=("auto", "on", "off"),
        default="auto",
        help="print progress while a scenario runs (auto: on, except with -q or xdist)",
    )
