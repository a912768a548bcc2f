"""The one table of runtimes: what it costs to read, and what each of its lines stands for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import chaoslab.runtimes
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.kind import RuntimeKind, runtime_kind
from chaoslab.runtimes.table import DEFAULT, LOCAL_RUNTIMES, NAMES, TABLE, usual_proxy

FOLDER = Path(chaoslab.runtimes.__file__).parent


@pytest.mark.parametrize("name", TABLE)
def test_each_line_has_a_package_with_its_kind(name: str) -> None:
    """A line whose package lacks `kind.KIND` would fail when the runtime is first used."""
    assert isinstance(runtime_kind(name), RuntimeKind)
    assert TABLE[name].name == name
    assert TABLE[name].starts, "the help of --chaos-runtime describes it"


def test_each_package_with_a_kind_has_a_line() -> None:
    """A package without a line could not be chosen."""
    packages = {path.parent.name for path in FOLDER.glob("*/kind.py")}
    assert packages == {entry.package for entry in TABLE.values()}
    assert DEFAULT in NAMES
    assert set(LOCAL_RUNTIMES) <= set(TABLE)


def test_reading_the_table_imports_no_runtime() -> None:
    """Every pytest session and every `chaoslab --help` pays for it."""
    code = (
        "import sys, chaoslab.runtimes.table, json\n"
        "print(json.dumps([n for n in sys.modules if n.startswith('chaoslab.')]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert sorted(json.loads(said.stdout)) == ["chaoslab.runtimes", "chaoslab.runtimes.table"]


@pytest.mark.parametrize(("name", "proxy"), [("local", "embedded"), ("docker", "toxiproxy")])
def test_the_usual_proxy_is_the_runtimes_own(name: str, proxy: ProxyKind) -> None:
    """Without an option, processes use the embedded engine, and containers a real Toxiproxy."""
    assert usual_proxy(name) == proxy
