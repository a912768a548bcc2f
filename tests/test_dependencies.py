"""What the project imports is what pyproject.toml declares: nothing comes by way of another."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Which extras a part of the tree may lean on beyond what every installation has; the longest fits.
PARTS = {
    "chaoslab": (),
    "chaoslab/runtimes/containers": ("containers",),
    "chaoslab/runtimes/compose": ("containers",),
    "chaoslab/services/mysql": ("mysql",),
    "chaoslab/services/rabbitmq": ("rabbitmq",),
    "chaoslab/reference": ("reference",),
    "scenarios": (),
    "field": ("field", "servers"),
    "tests": tuple(EXTRAS),
    "benchmarks": tuple(EXTRAS),
}
BESIDE = ("field", "tests", "benchmarks")  # their files import each other by name
NOT_INSTALLED = {"_typeshed"}  # there for type checkers alone


def plain(name: str) -> str:
    return re.split(r"[^\w.-]", name, maxsplit=1)[0].lower().replace("_", "-")


def declared(extras: tuple[str, ...]) -> set[str]:
    needs = [*PROJECT["dependencies"], *(need for extra in extras for need in EXTRAS[extra])]
    return {plain(need) for need in needs}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def files(part: str) -> Iterator[Path]:
    """The part's own files, those of a narrower part left out."""
    narrower = [TOP / other for other in PARTS if other != part and other.startswith(part)]
    for path in sorted((TOP / part).rglob("*.py")):
        if not any(path.is_relative_to(other) for other in narrower):
            yield path


@pytest.mark.parametrize("part", PARTS)
def test_every_import_is_declared(part: str) -> None:
    """A package that only another one needs may be gone with that one's next version."""
    by_module = packages_distributions()
    allowed = declared(PARTS[part])
    own = {each.stem for each in (TOP / part).rglob("*")} if part in BESIDE else set()
    known = {*sys.stdlib_module_names, *NOT_INSTALLED, *PARTS, *own}
    found: dict[str, str] = {}
    for path in files(part):
        for module in {*imported(path)} - known:
            distributions = {plain(name) for name in by_module.get(module, [module])}
            if not distributions & allowed:
                found[module] = str(path.relative_to(TOP))
    assert found == {}


def test_pandas_is_asked_for_from_the_first_version_with_which_the_summary_works() -> None:
    """Importing 2.2.0 raises a warning of its own, which a session that forbids warnings fails of:
    https://github.com/pandas-dev/pandas/issues/54466.
    """
    (need,) = (each for each in PROJECT["dependencies"] if plain(each) == "pandas")
    assert need == "pandas>=2.2.1"
