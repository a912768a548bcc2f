"""A distribution outside the package adds a fault, an expectation, a service, a probe, a column."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.projects import CHAOSLAB, Project

HERE = Path(__file__).parent
WITHIN_S = 120.0
pytestmark = pytest.mark.slow  # installs a distribution, and starts whole labs


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the extension is installed, for PYTHONPATH."""
    source = tmp_path_factory.mktemp("source") / "extension"
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    place = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(place)]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=WITHIN_S)
    return place


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with a topology, an app and scenarios."""
    if shutil.which("memcached") is None:
        pytest.skip("there is no memcached on PATH (apt install memcached)")
    folder = tmp_path_factory.mktemp("project")
    for name in ("chaoslab.toml", "app.py"):
        shutil.copy(HERE / name, folder)
    shutil.copy(HERE / "scenario_extended.py", folder / "test_extended.py")
    return folder


def run(project: Path, extension: Path | None, *words: str) -> tuple[int, str]:
    """A command in the user's folder, with the extension or without it."""
    paths = str(extension) if extension else ""
    return Project(project).run(*words, PYTHONPATH=paths, PYTHONDONTWRITEBYTECODE="1")


def analyzed(project: Path, extension: Path | None, folder: Path) -> tuple[int, str]:
    """`chaoslab analyze` of a saved run."""
    return run(project, extension, CHAOSLAB, "analyze", str(folder))


@pytest.fixture(scope="session")
def ran(project: Path, extension: Path) -> tuple[str, Path]:
    """What pytest printed of both scenarios, and the run's folder."""
    results = project / "results"
    options = ["-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--chaos-progress=off"]
    code, printed = run(project, extension, "pytest", "-q", *options, f"--chaos-results={results}")
    assert code == 0, printed
    (folder,) = results.iterdir()
    return printed, folder


def test_check_knows_the_service_and_where_it_comes_from(project: Path, extension: Path) -> None:
    """And without the extension it says which kinds there are."""
    code, printed = run(project, extension, CHAOSLAB, "check")
    assert code == 0, printed
    assert "memcached" in printed
    assert "chaoslab-example 1.0" in printed
    without_code, without = run(project, None, CHAOSLAB, "check")
    assert without_code == 2
    assert "expected one of: postgres, redis" in without
    assert "Traceback" not in without


def test_a_run_judges_and_reports_what_the_extension_adds(ran: tuple[str, Path]) -> None:
    """As native: the verdicts with their reasons and evidence, and the table with its column."""
    printed, folder = ran
    assert "slowest" in printed
    saved = json.loads((folder / "extended-congested" / "verdicts.json").read_text())
    quick = next(verdict for verdict in saved if verdict["name"] == "answers_quickly")
    assert quick["outcome"] == "PASS"
    codes = [reason["code"] for reason in quick["because"]]
    assert {"example.slowest_answer", "fault.bytes_congested"} <= set(codes)
    sampled = next(verdict for verdict in saved if verdict["name"] == "sampled")
    assert sampled["outcome"] == "PASS"
    assert "slowest_health_s" in (folder / "boots.csv").read_text().splitlines()[0]


def test_a_saved_run_is_judged_the_same_again(
    project: Path, extension: Path, ran: tuple[str, Path]
) -> None:
    """With the extension installed."""
    _, folder = ran
    code, printed = analyzed(project, extension, folder / "extended-congested")
    assert code == 0, printed
    assert "answers_quickly" in printed


def test_without_the_extension_a_saved_run_is_unknown_by_its_name(
    project: Path, ran: tuple[str, Path]
) -> None:
    """Both the fault and the expectation are named, and nothing is a traceback."""
    _, folder = ran
    code, printed = analyzed(project, None, folder / "extended-congested")
    assert code != 0
    assert "no installed package judges 'answers_quickly'" in printed
    assert "Traceback" not in printed
    severed_code, severed = analyzed(project, None, folder / "extended-severed")
    assert severed_code == 0, severed
