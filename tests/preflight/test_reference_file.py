"""deploy/staging.yaml is what a cluster would take, and what the backend itself starts with."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chaoslab.reference.backend.settings import read

from .copies import REFERENCE

OBJECTS: list[dict[str, Any]] = [*yaml.safe_load_all(REFERENCE.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda manifest: manifest["kind"])
def test_every_object_is_valid_by_kubernetes_own_schemas(manifest: dict[str, Any]) -> None:
    """A reference that no cluster takes would be none."""
    schemas = pytest.importorskip("kubernetes_validate", reason="needs pip kubernetes-validate")
    version = schemas.latest_version()
    schemas.validate(manifest, version, strict=True)


def test_the_backend_starts_with_these_variables_and_has_the_limits_that_the_rules_rest_on() -> (
    None
):
    """What the rules compare is what the app does with it."""
    pod = OBJECTS[0]["spec"]["template"]["spec"]["containers"][0]
    env = {each["name"]: each.get("value", "from-a-secret") for each in pod["env"]}
    settings = read(env)
    assert settings.port == pod["ports"][0]["containerPort"]
    assert settings.limits.init_s == 95.0
    assert settings.limits.pool_max == 7
    assert (settings.profile, settings.emergency_allow_no_database) == ("staging", True)
