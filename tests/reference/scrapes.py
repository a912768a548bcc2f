"""Scrapes of a backend as Prometheus stores them, and what promtool says that they fire."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from .process import BackendProcess

RULES = Path(__file__).parents[2] / "deploy" / "alerts.yaml"
NO_PROMTOOL = "no promtool on PATH (scripts/install_promtool.sh gets one out of apt's prometheus)"
TARGET = {"job": "backend", "instance": "backend:8080"}  # also of a restarted one

Scrape = dict[str, float]
"""The value of each series, by its name and labels in Prometheus' notation."""


def series(name: str, labels: Mapping[str, str]) -> str:
    """A series in Prometheus' notation, with its labels in order."""
    return f"{name}{{{','.join(f'{k}={json.dumps(v)}' for k, v in sorted(labels.items()))}}}"


def scrape(backend: BackendProcess) -> Scrape:
    """One scrape of /metrics, with the labels of the target and `up`, as Prometheus adds them."""
    try:
        text = backend.get("/metrics").raise_for_status().text
    except httpx.TransportError:
        return {series("up", TARGET): 0.0}
    found = {series("up", TARGET): 1.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[series(sample.name, sample.labels | TARGET)] = sample.value
    return found


def value(scraped: Scrape, name: str, **labels: str) -> float | None:
    """The value of a series of the target; None if the scrape has no such series."""
    return scraped.get(series(name, TARGET | labels))


def _values(name: str, scrapes: Sequence[Scrape]) -> Iterator[str]:
    """The series in promtool's notation; one that a scrape no longer has ends with it."""
    there = False
    for scraped in scrapes:
        before, there = there, name in scraped
        yield repr(scraped[name]) if there else "stale" if before else "_"


def firing(scrapes: Sequence[Scrape], expected: Mapping[str, Sequence[int]]) -> dict[str, object]:
    """A test for promtool: these scrapes, one a minute, and the minutes at which each alert fires.

    In all other minutes the alert must not fire, and no other alert at all.
    """
    names = sorted({name for scraped in scrapes for name in scraped})
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": " ".join(_values(name, scrapes))} for name in names
                ],
                "promql_expr_test": [
                    {
                        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{minute}m",
                        "exp_samples": [
                            {"labels": series("", {"alertname": alert}), "value": 1}
                            for alert, minutes in expected.items()
                            if minute in minutes
                        ],
                    }
                    for minute in range(len(scrapes))
                ],
            }
        ],
    }


def promtool(*command: str | Path) -> str:
    """What `promtool ...` prints; fails the test if it fails, skips it where there is none."""
    if (program := shutil.which("promtool")) is None:
        pytest.skip(NO_PROMTOOL)
    done = subprocess.run(
        [program, *map(str, command)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_fires(
    scrapes: Sequence[Scrape], expected: Mapping[str, Sequence[int]], folder: Path
) -> None:
    """Have promtool hold the rules to `firing(scrapes, expected)`; skips where there is none."""
    path = folder / "scraped.test.yaml"
    path.write_text(yaml.safe_dump(firing(scrapes, expected)), encoding="utf-8")
    promtool("test", "rules", path)
