"""The deployment file against the topology's rules: before anything boots, with nothing running."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chaoslab.errors import Problem, SpecError
from chaoslab.model.deployment import Deployment
from chaoslab.model.masking import mask_of
from chaoslab.model.topology import Topology
from chaoslab.preflight import rules
from chaoslab.preflight.document import Document, read_document
from chaoslab.preflight.finding import Check, Finding, Inspected
from chaoslab.preflight.variables import texts


def check_deployment(topology: Topology, file: Path | None = None) -> Inspected:
    """Every finding in the topology's deployment file (or in `file`), and what was looked at; no
    secret of either is shown.

    Raises SpecError where the topology has no `[deployment]`, and for a file that cannot be used:
    no YAML or TOML, duplicate keys, exploding aliases, a path that does not choose a document.
    """
    declared = declared_deployment(topology, file)
    document = read_document(Path(declared.file), declared.root)
    mask = mask_of(topology)
    if declared.env:
        mask.learn_boot((), texts(document, declared.env))
    told = [mask.of(each) for each in _told(document, declared)]
    return Inspected(
        file=document.file,
        findings=tuple(each for each in told if isinstance(each, Finding)),
        checks=tuple(each for each in told if isinstance(each, Check)),
    )


def declared_deployment(topology: Topology, file: Path | None = None) -> Deployment:
    """The topology's `[deployment]`, of another file where one is given. Raises SpecError."""
    if topology.deployment is None:
        raise SpecError(
            [
                Problem(
                    where=topology.source or topology.name,
                    what="has no [deployment]: nothing to check",
                    fix="add [deployment] (docs/preflight.md lists every rule)",
                )
            ]
        )
    return replace(topology.deployment, file=str(file)) if file else topology.deployment


def _told(document: Document, declared: Deployment) -> Iterator[rules.Told]:
    if declared.required:
        yield from rules.required(document, declared)
    if declared.bypass is not None:
        yield from rules.bypass(document, declared, declared.bypass)
    if declared.window is not None:
        yield from rules.window(document, declared, declared.window)
    if declared.pool is not None:
        yield from rules.pool(document, declared, declared.pool)
    if declared.ports:
        yield from rules.ports(document, declared)
    if declared.paths:
        yield from rules.paths(document, declared)
