"""Clients in other languages, built once into a cache outside of the checkout.

Without a toolchain or a package index the tests are skipped. If our own source does not build,
they fail.

"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "clients"
NODE_CLIENT = "toxiproxy-node-client@4.1.0"
NODE_LEAST = 18  # the client uses the built-in fetch
JAVA_LEAST = 17
FETCH_WITHIN_S, BUILD_WITHIN_S = 120, 120


def go_client() -> list[str]:
    """The command of the Go client's program, without its arguments."""
    go = _tool("go", "/usr/local/go/bin/go")

    def build(folder: Path) -> None:
        env = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
        _fetch([go, "mod", "download"], folder, env)
        _build([go, "build", "-o", "client", "."], folder, env)

    return [str(_cached("go", build) / "client")]


def javascript_client() -> list[str]:
    """The command of the Node client's script, without its arguments."""
    node, npm = _tool("node"), _tool("npm")
    _demand_version([node, "--version"], "v", NODE_LEAST)

    def build(folder: Path) -> None:
        options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=0"]
        # A folder with a package.json of its own, else npm looks for one further up.
        (folder / "package.json").write_text('{"private": true}')
        _fetch([npm, "install", *options, NODE_CLIENT], folder)

    return [node, str(_cached("javascript", build, NODE_CLIENT) / "conformance.cjs")]


def java_client() -> list[str]:
    """The command of the Java client's class, without its arguments."""
    java, javac, maven = _tool("java"), _tool("javac"), _tool("mvn")
    _demand_version([javac, "-version"], "javac ", JAVA_LEAST)

    def build(folder: Path) -> None:
        copy = ["dependency:copy-dependencies", "-DoutputDirectory=jars"]
        _fetch([maven, "-q", "-B", *copy], folder)
        _build([javac, "-cp", "jars/*", "-d", "classes", "Conformance.java"], folder)

    folder = _cached("java", build)
    return [java, "-XX:TieredStopAtLevel=1", "-cp", f"{folder}/classes:{folder}/jars/*",
            "Conformance"]  # fmt: skip


def _cached(language: str, build: Callable[[Path], None], *versions: str) -> Path:
    """A folder with the sources of a language, built; made once for each state of the sources."""
    sources = sorted(path for path in (SOURCES / language).iterdir() if path.is_file())
    state = hashlib.sha256(repr(versions).encode())
    for path in sources:
        state.update(path.name.encode() + path.read_bytes())
    cache = _cache()
    kept = cache / f"{language}-{state.hexdigest()[:16]}"
    if kept.is_dir():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{language}-") as scratch:
        folder = Path(scratch) / "built"
        folder.mkdir()
        for path in sources:
            shutil.copy(path, folder)
        build(folder)
        try:
            folder.rename(kept)
        except OSError:
            assert kept.is_dir()  # a parallel worker was first
    return kept


def _cache() -> Path:
    named = os.environ.get("CHAOSLAB_TEST_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named) if named else Path(home).expanduser() / "chaoslab-tests"


def _tool(name: str, elsewhere: str | None = None) -> str:
    found = shutil.which(name) or (elsewhere and shutil.which(elsewhere))
    if not found:
        pytest.skip(f"no {name} on PATH")
    return found


def _demand_version(command: list[str], before: str, least: int) -> None:
    output = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    if int(output.removeprefix(before).split(".")[0]) < least:
        pytest.skip(f"{command[0]} is too old: required {least}, found {output.strip()}")


def _run(
    command: list[str], folder: Path, env: dict[str, str] | None, within_s: int
) -> tuple[bool, str]:
    """Whether it succeeded, and all its output."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | (env or {}), timeout=within_s, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, f"not done within {within_s} s"
    return done.returncode == 0, done.stdout


def _fetch(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run what needs an index; skip the test if it fails."""
    good, output = _run(command, folder, env, FETCH_WITHIN_S)
    if not good:
        lines = output.strip().splitlines() or ["no word"]
        why = next((line for line in lines if "error" in line.lower()), lines[-1])
        pytest.skip(f"{Path(command[0]).name} cannot fetch the client: {why[:200]}")


def _build(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run what needs nothing but our sources; fail the test if it fails."""
    good, output = _run(command, folder, env, BUILD_WITHIN_S)
    assert good, f"{' '.join(command)}:\n{output}"
