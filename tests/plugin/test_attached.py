"""A session in attach mode says what it uses before a scenario runs, or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.projects import CHAOSLAB, NO_HYPOTHESIS, Project

TOPOLOGY = """
version = 1
[services.redis]
kind = "redis"
[apps.shop]
command = ["{{python}}"]
links = ["redis"]
[attach]
toxiproxy = "http://{host}:{port}"
[attach.apps.shop]
url = "http://127.0.0.1:1"
[attach.links."shop.redis"]
proxy = "cache"
"""
SCENARIO = """
from chaoslab import expect

async def test_steady(chaos):
    await chaos.run(expect=[expect.Starts()])
"""
PROXIES = [{"name": "cache", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A scenario, and the proxies of a server."""
    files = {"test_shop.py": SCENARIO, "proxies.json": json.dumps(PROXIES)}
    return Project(tmp_path, {**files, "pytest.ini": "[pytest]\nasyncio_mode = auto\n"})


@pytest.fixture
def port(project: Project) -> Iterator[int]:
    """The port of a proxy server with the proxy `cache`."""
    with project.start(CHAOSLAB, "proxy", "--port", "0", "--config", "proxies.json") as server:
        try:
            assert server.stdout is not None
            listening: str = json.loads(server.stdout.readline())["listening"]
            yield int(listening.rpartition(":")[2])
        finally:
            server.terminate()


def attached(project: Project, host: str, port: int) -> tuple[int, str]:
    """The exit code and the output of a session that only plans."""
    (project.folder / "chaoslab.toml").write_text(TOPOLOGY.format(host=host, port=port))
    return project.pytest("--chaos-runtime=attach", "--chaos-plan-only", NO_HYPOTHESIS)


def test_it_says_what_it_uses_before_the_first_scenario(project: Project, port: int) -> None:
    """The proxies, the app and the services, once."""
    code, printed = attached(project, "127.0.0.1", port)
    assert code == 0, printed
    line = f"attach: injects faults on shop.redis: proxy cache of 127.0.0.1:{port}"
    assert printed.count(line) == 1
    assert printed.index(line) < printed.index("test_shop.py")
    assert "attach: sends to shop at 127.0.0.1:1: health\n" in printed


def test_a_host_without_consent_is_a_usage_error(project: Project) -> None:
    """The fix is the variable to set; no proxy server is asked."""
    code, printed = attached(project, "db.example.com", 1)
    assert code == pytest.ExitCode.USAGE_ERROR, printed
    assert "no consent to use db.example.com" in printed
    assert "CHAOSLAB_CONSENT=db.example.com=shop.redis" in printed
