"""An engine, and containers that go away with the test that started them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator

import pytest
from docker_cli import Container, Starter, run, succeeded


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no engine answers."""
    if shutil.which("docker") is None or run("docker", "version").returncode != 0:
        pytest.skip("no Docker engine answers: sh docker/airgapped/engine.sh starts one")


@pytest.fixture
def start(engine: None) -> Iterator[Starter]:
    """Start a container: `start(image, *command, options=[…])`; skips where the image is absent."""
    started: list[str] = []

    def starter(image: str, *command: str, options: tuple[str, ...] = ()) -> Container:
        if not run("docker", "image", "ls", "-q", image).stdout:
            pytest.skip(f"no image {image} here: docker/airgapped/README.md builds it")
        started.append(f"chaoslab-test-{uuid.uuid4().hex[:12]}")
        succeeded("docker", "run", "-d", "--name", started[-1], *options, image, *command)
        return Container(started[-1])

    try:
        yield starter
    finally:
        for name in started:
            run("docker", "rm", "-f", "-v", name)
