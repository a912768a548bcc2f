"""The public names: few at the top, each where the docs have it, and none imported too early."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import chaoslab
from chaoslab.plan import Sampling

MOST_AT_THE_TOP = 15
MODULES = (
    "chaoslab",
    "chaoslab.expectations",
    "chaoslab.faults",
    "chaoslab.plan",
    "chaoslab.results",
)


def test_the_top_level_has_few_names() -> None:
    """What is rarer has a module of its own."""
    assert len(chaoslab.__all__) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there_and_has_a_docstring(module: str) -> None:
    """A name that cannot be imported, or that nobody explains, is not public."""
    found = importlib.import_module(module)
    for name in found.__all__:
        assert getattr(found, name).__doc__ or name.isupper(), name


def test_importing_chaoslab_imports_nothing_of_it() -> None:
    """The engine and the reference backend are processes of this package, and boot often."""
    code = (
        "import sys, chaoslab\n"
        "assert not [n for n in sys.modules if n.startswith('chaoslab.')]\n"
        "assert not {'pydantic', 'pytest', 'pandas', 'httpx'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_a_result_imports_no_pandas_before_a_frame_is_asked_for() -> None:
    """Every scenario makes one, and few ask for frames."""
    code = "import sys, chaoslab.results\nassert 'pandas' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_has_moved_is_understood_with_its_new_place() -> None:
    """For one release."""
    with pytest.warns(DeprecationWarning, match="from chaoslab.plan import Sampling"):
        assert chaoslab.Sampling is Sampling  # type: ignore[attr-defined]


def test_a_name_that_never_was_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Sever'"):
        _ = chaoslab.Sever  # type: ignore[attr-defined]
