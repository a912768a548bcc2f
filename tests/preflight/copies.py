"""Copies of the reference deployment, each with a mistake of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chaoslab import services
from chaoslab.model.deployment import Deployment
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Topology
from chaoslab.preflight.check import check_deployment
from chaoslab.preflight.finding import Inspected

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "deploy" / "staging.yaml"
TOPOLOGY = load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds())

Edit = tuple[str, str]


def value(name: str, old: str, new: str) -> Edit:
    """An edit of one variable's value."""
    return f"- name: {name}\n              value: {old}\n", (
        f"- name: {name}\n              value: {new}\n"
    )


def copied(folder: Path, *edits: Edit) -> Path:
    """The reference deployment with these edits; each must fit exactly once."""
    text = REFERENCE.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "staging.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def inspected(folder: Path, *edits: Edit) -> Inspected:
    """What the reference's rules say of such a copy."""
    return check_deployment(TOPOLOGY, copied(folder, *edits))


def ruled(deployment: Deployment) -> Topology:
    """The reference topology with other rules."""
    return replace(TOPOLOGY, deployment=deployment)


def line_of(path: Path, text: str) -> int:
    """The line of a text, which must occur exactly once."""
    (line,) = [
        number
        for number, each in enumerate(path.read_text("utf-8").splitlines(), 1)
        if text in each
    ]
    return line
