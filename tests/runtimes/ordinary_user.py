"""Runs Python as another user of this machine, where that user can reach one, and the tests."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import chaoslab
from chaoslab.machine.places import reachable
from chaoslab.machine.process import Identity

HERE = Path(__file__).parent
SOURCES = Path(chaoslab.__file__).parent.parent


def python_of(identity: Identity) -> str:
    """A Python of this version that the user can reach; skips the test if there is none."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        if reachable(Path(program), identity) and reachable(HERE, identity):
            return program
    pytest.skip(f"user {identity.uid} can reach no Python {version}, or not the tests")


def environment_of(identity: Identity) -> dict[str, str]:
    """The environment in which that Python finds chaoslab and all packages."""
    home = {"HOME": "/nonexistent"} if identity.drops else {}
    path = os.pathsep.join([str(SOURCES), sysconfig.get_path("purelib")])
    return os.environ | home | {"PYTHONPATH": path}


@contextmanager
def folder_of(identity: Identity) -> Iterator[Path]:
    """A folder that the user can write to; pytest's own are closed to others."""
    made = Path("/var/tmp", f"chaoslab-test-{os.getpid()}-{identity.uid}")
    made.mkdir(mode=0o755)
    if identity.uid is not None and identity.gid is not None:
        os.chown(made, identity.uid, identity.gid)
    try:
        yield made
    finally:
        shutil.rmtree(made)
