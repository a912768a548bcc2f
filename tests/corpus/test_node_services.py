"""The Node services of the field corpus: what their lock files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FIELD = Path(__file__).parents[2] / "field"
LOCKS = sorted(FIELD.glob("*/package-lock.json"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_a_lock_file_names_versions_and_no_registry(lock: Path) -> None:
    """Each package has the digest of its content, and comes from the registry that npm uses."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    del packages[""]  # the service itself
    assert packages
    assert [name for name, package in packages.items() if "integrity" not in package] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
