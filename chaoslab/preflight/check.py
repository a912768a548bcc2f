"""Checks a deployment file against the rules of a topology. Nothing is started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.model.deployment import Deployment
from chaoslab.model.masking import mask_of
from chaoslab.model.topology import Topology
from chaoslab.preflight import rules
from chaoslab.preflight.document import Document, read_document
from chaoslab.preflight.finding import Check, Finding, Inspected
from chaoslab.preflight.variables import texts

NO_DEPLOYMENT = ErrorCode(
    "deployment.not_declared",
    "has no [deployment]: nothing to check",
    "A preflight was requested, but the topology has no table [deployment].",
)


def check_deployment(topology: Topology, file: Path | None = None) -> Inspected:
    """Check the topology's deployment file, or `file`, by every rule of its `[deployment]`.

    Secrets of the topology and of the deployment file are masked in the result. Raises SpecError if
    the topology has no `[deployment]` or the file cannot be used: not YAML or TOML, duplicate keys,
    aliases that expand to too many nodes, a path that does not choose a document.
    """
    declared = declared_deployment(topology, file)
    document = read_document(Path(declared.file), declared.root)
    mask = mask_of(topology)
    if declared.env:
        mask.learn_boot((), texts(document, declared.env))
    results = [mask.of(each) for each in _results(document, declared)]
    return Inspected(
        file=document.file,
        findings=tuple(each for each in results if isinstance(each, Finding)),
        checks=tuple(each for each in results if isinstance(each, Check)),
    )


def declared_deployment(topology: Topology, file: Path | None = None) -> Deployment:
    """The topology's `[deployment]`; if `file` is given, with this file in place of its own.

    Raises SpecError if the topology has none.
    """
    if topology.deployment is None:
        raise SpecError(
            Problem(
                reason=NO_DEPLOYMENT(),
                where=topology.source or topology.name,
                fix="add [deployment] (docs/preflight.md lists every rule)",
            )
        )
    return replace(topology.deployment, file=str(file)) if file else topology.deployment


def _results(document: Document, declared: Deployment) -> Iterator[rules.Result]:
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
