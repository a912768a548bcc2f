"""How images are built: what the engine is asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaoslab.model.topology import App, Build, Container
from chaoslab.runtimes.containers.images import agent_image, app_image

docker = pytest.importorskip("docker", reason="pip install 'chaoslab[containers]'")
BASE = "python:3.12-slim-bookworm"


def engine_that_has_only(image: str, builds: list[dict[str, Any]]) -> Any:
    """The part of the engine's client that builds: it knows one image and remembers its builds."""

    def get(name: str) -> None:
        if name != image:
            raise docker.errors.ImageNotFound(name)

    return SimpleNamespace(images=SimpleNamespace(get=get, build=lambda **how: builds.append(how)))


def test_a_build_that_fails_leaves_no_stopped_container(tmp_path: Path) -> None:
    """By default, the classic builder removes the container of a step only if the step succeeds."""
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\n")
    built = Container(image="web:1", build=Build(context=str(tmp_path)))
    builds: list[dict[str, Any]] = []
    engine = engine_that_has_only(BASE, builds)
    agent_image(engine, BASE)
    app_image(engine, App(name="web", command=("x",), container=built), BASE)
    assert [(how["rm"], how["forcerm"]) for how in builds] == [(True, True)] * 2
