"""Unmodified clients in other languages: one script must give the same lines on both servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .arms import EMBEDDED, TOXIPROXY, Arm, running, toxiproxy_binary
from .compared import WHY_UNREADABLE
from .conftest import NO_TOXIPROXY
from .echo import Echo
from .toolchains import go_client, java_client, javascript_client

WITHIN_S = 60
PORT = re.compile(r"\b(127\.0\.0\.1|\[::\]):(?!0\b|1\b)\d+")


@pytest.fixture
def fresh_arms(tmp_path: Path) -> Iterator[dict[str, Arm]]:
    """Both servers, without proxies."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    with running(EMBEDDED, tmp_path / "engine") as one, running(TOXIPROXY, tmp_path / "tp") as two:
        yield {EMBEDDED: one, TOXIPROXY: two}


def comparable(command: list[str], arm: Arm, *arguments: str) -> list[str]:
    """The output of a client's program, without chosen ports and the reasons of body errors."""
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=WITHIN_S, check=False,
        env=os.environ | {"TOXIPROXY_URL": arm.url},
    )  # fmt: skip
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines(), f"exit code {done.returncode}"]
    texts = [PORT.sub("<address>", line.replace(arm.url, "<api>")) for line in lines]
    return [WHY_UNREADABLE.sub(r"\1<why>", text) for text in texts]


def said_of(step: str, lines: list[str]) -> list[str]:
    """The lines about a step."""
    return [line.partition("\t")[2] for line in lines if line.startswith(f"{step}\t")]


@pytest.mark.slow
@pytest.mark.parametrize("client", [go_client, javascript_client, java_client])
def test_a_client_in_another_language_finds_no_difference(
    client: Callable[[], list[str]], fresh_arms: dict[str, Arm]
) -> None:
    """Every method of the client, every toxic, its errors, and bytes through the proxy."""
    command = client()
    with Echo() as echo:
        outputs = {name: comparable(command, arm, arm.url, echo.address)
                for name, arm in fresh_arms.items()}  # fmt: skip
    assert outputs[EMBEDDED] == outputs[TOXIPROXY]
    lines = outputs[EMBEDDED]
    assert (lines[-1], len(lines) > 80) == ("exit code 0", True), lines[-5:]
    # The script itself must have reached the server: bytes that came back, and a refusal.
    assert said_of("free", lines)[0].startswith("40000 bytes back")
    assert "error" in said_of("create again", lines)[0]
    for kept in ("enabled", "healed"):
        assert all(
            "error" not in line and not line.startswith("0 ") for line in said_of(kept, lines)
        )


CREATE = ("create", "-l", "127.0.0.1:0", "-u")
COMMANDS: list[tuple[str, ...]] = [
    ("list",),
    (*CREATE, "x", "db"),
    (*CREATE, "x", "db"),
    (*CREATE, "x", "my db"),
    ("create", "-l", "nonsense", "-u", "x", "bad"),
    ("list",),
    ("inspect", "db"),
    ("inspect", "nobody"),
    ("toggle", "db"),
    ("list",),
    ("toggle", "db"),
    ("toggle", "nobody"),
    *[("toxic", "add", "-t", kind, *way, *[x for a in attributes for x in ("-a", a)], "db")
      for way in ((), ("-u",), ("-n", "mine", "--toxicity", "0.5"))
      for kind, attributes in {
          "latency": ["latency=100", "jitter=50"], "bandwidth": ["rate=10"],
          "slow_close": ["delay=1"], "timeout": ["timeout=1"], "reset_peer": ["timeout=0"],
          "slicer": ["average_size=10", "size_variation=2", "delay=1"],
          "limit_data": ["bytes=1"], "noop": [], "nonsense": [],
      }.items()],
    ("toxic", "add", "-t", "latency", "-n", "n", "-a", "latency=x", "db"),
    ("toxic", "add", "-t", "latency", "-n", "n", "-a", "latency=1.5", "db"),
    ("toxic", "add", "-t", "latency", "-n", "n", "-a", "bogus=1", "db"),
    ("toxic", "add", "-t", "latency", "nobody"),
    ("inspect", "db"),
    ("list",),
    ("toxic", "update", "-n", "n", "-a", "jitter=7", "db"),
    ("toxic", "update", "-n", "n", "--toxicity", "0.1", "db"),
    ("toxic", "update", "-n", "n", "-a", "latency=x", "db"),
    ("toxic", "update", "-n", "nobody", "-a", "jitter=7", "db"),
    ("toxic", "remove", "-n", "latency_upstream", "db"),
    ("toxic", "remove", "-n", "latency_upstream", "db"),
    ("inspect", "db"),
    ("delete", "db"),
    ("delete", "db"),
    ("delete", "my db"),
    ("list",),
]  # fmt: skip


def cli_binary() -> str | None:
    """toxiproxy-cli on PATH or beside the server, else None."""
    server = toxiproxy_binary()
    beside = os.path.dirname(server) if server else None
    return shutil.which("toxiproxy-cli") or shutil.which("toxiproxy-cli", path=beside)


def test_the_command_line_client_finds_no_difference(fresh_arms: dict[str, Arm]) -> None:
    """toxiproxy-cli: every command, its output, its error and its exit code."""
    cli = cli_binary()
    if cli is None:
        pytest.skip("no toxiproxy-cli on PATH nor beside toxiproxy-server")
    seen: dict[str, list[str]] = {}
    for command in COMMANDS:
        outputs = {name: comparable([cli], arm, *command) for name, arm in fresh_arms.items()}
        assert outputs[EMBEDDED] == outputs[TOXIPROXY], command
        seen[" ".join(command)] = outputs[EMBEDDED]
    assert seen["list"] == ["exit code 0"]  # the last one: nothing is left
    assert seen["delete db"][-1] == "exit code 1"  # the second one
    assert len(seen["inspect db"]) == 17 + 1  # all toxics but the one removed, and the exit code
