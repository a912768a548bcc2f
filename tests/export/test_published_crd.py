"""Every exported object is valid by the definitions that Chaos Mesh publishes.

We do not ship them. CHAOSLAB_CHAOS_MESH_CRDS names a folder that has them: from a cluster, the
output of `kubectl get crd networkchaos.chaos-mesh.org schedules.chaos-mesh.org -o yaml` in one
file; or `config/crd/bases` of chaos-mesh/chaos-mesh. Without it these tests are skipped;
`test_network_chaos.py` checks the same rules without the definitions.

"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from .exporting import A_MINUTE, EXPORTABLE, PODS, case_id, exported

FOLDER = os.environ.get("CHAOSLAB_CHAOS_MESH_CRDS", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="CHAOSLAB_CHAOS_MESH_CRDS names no folder with Chaos Mesh's definitions"
)


@pytest.mark.parametrize("arguments", EXPORTABLE, ids=case_id)
def test_every_exported_object_is_valid_by_the_published_definition(
    arguments: tuple[str, ...],
) -> None:
    """Strictly: an unknown field is an error, as with `kubectl --validate`."""
    for document in exported(*arguments):
        assert [*_errors(document)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("action",), "partitioned"),
        (("direction",), "downstream"),
        (("durations",), "60s"),
        (("selector", "labels"), {"app": "backend"}),
        (("externalTargets",), "10.0.0.1"),
        (("delay",), {"latencies": "1s"}),
    ],
)
def test_the_definition_detects_a_mistake(place: tuple[str, ...], value: object) -> None:
    """So the test above can fail."""
    (document,) = exported("severed", "postgres", *A_MINUTE, *PODS)
    entries = document["spec"]
    for key in place[:-1]:
        entries = entries[key]
    entries[place[-1]] = value
    assert [*_errors(document)] != []


def _errors(document: dict[str, Any]) -> Iterator[str]:
    # OpenAPI 3.0's schemas descend from this draft: `exclusiveMinimum` is a boolean in both
    validator = Draft4Validator(_schema(document["kind"], document["apiVersion"]))
    for error in validator.iter_errors(document):
        yield f"{error.json_path}: {error.message}"


@cache
def _schema(kind: str, api_version: str) -> dict[str, Any]:
    """The schema of this kind and version, without unknown fields."""
    for crd in _definitions():
        for version in crd["spec"]["versions"]:
            if crd["spec"]["names"]["kind"] == kind:
                assert api_version == f"{crd['spec']['group']}/{version['name']}"
                return _closed(version["schema"]["openAPIV3Schema"])
    raise AssertionError(f"no definition of {kind} in {FOLDER}")


def _definitions() -> Iterator[dict[str, Any]]:
    for path in sorted(Path(FOLDER).glob("*.yaml")):
        if "networkchaos" not in path.name and "schedule" not in path.name:
            continue
        for document in yaml.load_all(path.read_text(encoding="utf-8"), _LOADER):
            yield from document.get("items", [document])


# the pure parser takes seconds for the definition of Schedule
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        properties = {name: _closed(entry) for name, entry in schema["properties"].items()}
        return {"additionalProperties": False, **schema, "properties": properties}
    if isinstance(schema.get("items"), dict):
        return {**schema, "items": _closed(schema["items"])}
    return schema
