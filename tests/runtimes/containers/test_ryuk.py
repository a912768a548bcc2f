"""Ryuk helps where it is at hand; the switch never depends on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaoslab.runtimes.containers.ryuk import settle_ryuk

from .engine import IMAGE, engine_or_skip

config = pytest.importorskip("testcontainers.core.config").testcontainers_config
docker = pytest.importorskip("docker")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """docker-py's client, and Testcontainers' settings as after an import."""
    engine_or_skip()
    monkeypatch.delenv("TESTCONTAINERS_RYUK_DISABLED", raising=False)
    for name in ("_ryuk_disabled", "ryuk_image", "tc_properties"):
        monkeypatch.setattr(config, name, getattr(config, name))
    monkeypatch.setattr(config, "_ryuk_disabled", None)
    monkeypatch.setattr(config, "tc_properties", {})
    client = docker.from_env()
    yield client
    client.close()


def test_ryuk_is_used_only_where_its_image_is_here(
    client: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not pulled: that may take minutes, or fail where no registry is."""
    monkeypatch.setattr(config, "ryuk_image", "chaoslab-test/no-such-reaper:0")
    assert settle_ryuk(client) is False
    assert config.ryuk_disabled is True
    monkeypatch.setattr(config, "ryuk_image", IMAGE)
    assert settle_ryuk(client) is True
    assert config.ryuk_disabled is False


@pytest.mark.parametrize(("said", "used"), [("true", False), ("false", True)])
def test_the_users_word_decides(
    client: object, monkeypatch: pytest.MonkeyPatch, said: str, used: bool
) -> None:
    """Whether or not the image is here."""
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", said)
    monkeypatch.setattr(config, "ryuk_image", IMAGE if not used else "chaoslab-test/none:0")
    assert settle_ryuk(client) is used
