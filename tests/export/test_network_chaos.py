"""An object that Chaos Mesh would refuse or ignore cannot be made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from chaoslab.export.network_chaos import (
    Bandwidth,
    Delay,
    NetworkChaos,
    Outside,
    Pods,
    Schedule,
    duration,
)

from .exporting import EXPORTABLE, case_id, exported

APP = Pods(namespace="shop", labels={"app": "backend"})
HOST = Outside(hosts=("10.0.0.1",))
PORT = Outside(hosts=("10.0.0.1:5432",))

# The fields of the object, copied from the published schema, for machines without that schema.
SELECTOR = {"namespaces", "labelSelectors"}
ALLOWED: dict[str, set[str]] = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "metadata": {"name", "namespace", "labels"},
    "spec": {
        *("action", "mode", "selector", "direction", "target", "externalTargets", "delay"),
        *("bandwidth", "duration"),
    },
    "spec.selector": SELECTOR,
    "spec.target": {"mode", "selector"},
    "spec.target.selector": SELECTOR,
    "spec.delay": {"latency", "jitter", "correlation"},
    "spec.bandwidth": {"rate", "limit", "buffer"},
}
SCHEDULE = {"schedule", "historyLimit", "concurrencyPolicy", "type", "networkChaos"}


@pytest.mark.parametrize("arguments", EXPORTABLE, ids=case_id)
def test_every_exported_object_follows_the_rules_of_chaos_mesh(arguments: tuple[str, ...]) -> None:
    """Names of fields, values of enums, and the rules of webhook and daemon."""
    for document in exported(*arguments):
        assert document["apiVersion"] == "chaos-mesh.org/v1alpha1"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,55}[a-z0-9])?", document["metadata"]["name"])
        spec = document["spec"]
        if document["kind"] == "Schedule":
            assert set(spec) == SCHEDULE
            assert spec["type"] == "NetworkChaos"
            spec = spec["networkChaos"]
        else:
            assert document["kind"] == "NetworkChaos"
        for place, entries in _tables({**document, "spec": spec}):
            assert set(entries) <= ALLOWED[place], place
        _as_the_webhook(spec)


def _as_the_webhook(spec: dict[str, Any]) -> None:
    assert spec["mode"] == "all"
    assert spec["direction"] in {"to", "from", "both"}
    assert spec["action"] in {"partition", "delay", "bandwidth"}
    assert {"delay", "bandwidth"} & set(spec) == {spec["action"]} - {"partition"}
    assert ("target" in spec) != ("externalTargets" in spec)
    if spec["action"] != "partition" and "externalTargets" in spec:
        assert spec["direction"] == "to"
    if any(":" in host for host in spec.get("externalTargets", ())):
        assert spec["direction"] == "to"
    for text in (*spec.get("delay", {}).values(), spec["duration"]):
        assert re.fullmatch(r"0|[0-9]+(us|ms|s)", text)
    if "delay" in spec:
        assert spec["delay"]["latency"] > "0ms"  # the daemon compares the texts
    if "bandwidth" in spec:
        assert re.fullmatch(r"[1-9][0-9]*kbps", spec["bandwidth"]["rate"])
        assert 1 <= spec["bandwidth"]["limit"] < 2**31
        assert 1 <= spec["bandwidth"]["buffer"] < 2**31


def _tables(entries: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield place, entries
    for key, value in entries.items():
        if isinstance(value, dict) and key not in {"labels", "labelSelectors"}:
            yield from _tables(value, f"{place}.{key}".lstrip("."))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "500ms"),
        (1, "1s"),
        (1.5, "1500ms"),
        (60, "60s"),
        (0.0002, "200us"),
        (1e-9, "1us"),
        (0.1 + 0.2, "300ms"),
    ],
)
def test_durations_are_whole_numbers_that_sort_above_zero(seconds: float, text: str) -> None:
    """ "0.5s" would be accepted but ignored: the daemon compares it with "0ms" as text."""
    assert duration(seconds) == text
    assert text > "0ms"


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": "both", "shape": Delay(latency_s=1)},
        {"direction": "from", "destination": PORT},
        {"direction": "both", "destination": PORT},
        {"name": "Not_a_name"},
        {"name": "a" * 58},
        {"duration_s": 0},
    ],
)
def test_an_object_that_would_not_work_cannot_be_made(wrong: dict[str, Any]) -> None:
    """Outside targets are shaped only on the way out, and their ports match only on the way out."""
    right: dict[str, Any] = {
        "name": "cut",
        "source": APP,
        "destination": HOST,
        "direction": "to",
        "duration_s": 1,
    }
    NetworkChaos(**right)
    with pytest.raises(AssertionError):
        NetworkChaos(**{**right, **wrong})


def test_a_selector_without_labels_cannot_be_made() -> None:
    """It would select every pod of the namespace."""
    with pytest.raises(AssertionError):
        Pods(namespace="shop", labels={})
    with pytest.raises(AssertionError):
        Pods(namespace="", labels={"app": "backend"})


def test_a_bucket_outside_of_the_schemas_range_cannot_be_made() -> None:
    """Both sizes are 32-bit numbers above 0."""
    for limit, buffer in ((0, 1), (1, 0), (2**31, 1), (1, 2**31)):
        with pytest.raises(AssertionError):
            Bandwidth(rate_kb_per_s=1, limit=limit, buffer=buffer)


def test_a_schedule_whose_cuts_overlap_cannot_be_made() -> None:
    """A fault that lasts a whole period would not be flapping."""
    chaos = NetworkChaos(name="cut", source=APP, destination=HOST, direction="both", duration_s=10)
    Schedule(chaos=chaos, period_s=11)
    with pytest.raises(AssertionError):
        Schedule(chaos=chaos, period_s=10)
