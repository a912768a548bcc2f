"""The mask for a topology and a plan: the values that are secret, and the words that are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from chaoslab.model.mask import Mask
from chaoslab.model.placeholders import is_of_service
from chaoslab.model.plan import Plan
from chaoslab.model.secrets import (
    secrets_of_command,
    secrets_of_env,
    secrets_of_headers,
    secrets_within,
)
from chaoslab.model.topology import App, Topology


def mask_of(
    topology: Topology, plan: Plan | None = None, machine: Mapping[str, str] | None = None
) -> Mask:
    """The mask for the secrets of the topology, of the plan's boots, and of `machine`, the
    environment variables of the lab's own process, which an app's process inherits.
    """
    listed = topology.secrets.variables
    secrets = [*topology.secrets.values, *secrets_of_env(machine or {}, listed)]
    for app in topology.apps.values():
        secrets += _of_app(app, listed)
    for boot in plan.boots if plan else ():
        secrets += secrets_of_env(boot.env, listed)
    for service in topology.services.values():
        secrets += _of_settings(service.settings, listed)
    for url in topology.attach.services.values() if topology.attach else ():
        secrets += secrets_within(url)
    words = [*_words(topology), *(_plan_words(plan) if plan else ())]
    hidden = (each for each in secrets if not is_of_service(each, topology.services))
    return Mask(hidden, listed=listed, words=words)


def _of_app(app: App, listed: tuple[str, ...]) -> Iterator[str]:
    yield from secrets_of_env(app.env, listed)
    for command in app.commands:
        yield from secrets_of_command(command, listed)
    if app.container is not None and app.container.build is not None:
        yield from secrets_of_env(app.container.build.args, listed)
    for request in app.requests.values():
        yield from secrets_of_headers(request.headers, listed)
        yield from _of_settings(request.form or {}, listed)
        yield from _of_settings(request.body, listed)
        yield from secrets_within(request.path, listed)
    health = app.health
    yield from secrets_of_headers(health.headers, listed)
    for path in (health.path, health.live_path, health.ready_path, health.startup_path):
        yield from secrets_within(path or "", listed)


def _of_settings(value: object, listed: tuple[str, ...], name: str = "") -> Iterator[str]:
    """The secrets in `value`, which is the settings of a service, a body, or a part of one. A value
    is secret if its `name` shows that, or if `listed` has its name.
    """
    if isinstance(value, str):
        yield from secrets_of_env({name: value}, listed)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _of_settings(each, listed, str(key))
    elif isinstance(value, list | tuple):
        texts = [each for each in value if isinstance(each, str)]
        yield from secrets_of_command(texts, listed)
        for each in value:
            if not isinstance(each, str):
                yield from _of_settings(each, listed)


def _words(topology: Topology) -> Iterator[str]:
    """The words of the topology that plan, history and verdicts may contain: the mask does not hide
    them.
    """
    yield topology.name
    yield from (*topology.services, *topology.apps, *topology.connectors)
    yield from (service.kind for service in topology.services.values())
    for app in topology.apps.values():
        health = app.health
        yield from app.processes
        yield from (*health.phases, health.status_field, health.dependencies_field, *health.words)
        for request in app.requests.values():
            yield from (request.name, request.method, *request.good.equals, *request.good.has)
            yield from request.users
            yield from _keys(request.body)
            if request.found is not None:
                yield from (request.found.table, request.found.column)
    if topology.attach is not None:
        yield from topology.attach.links.values()
    for stage in topology.gate.stages if topology.gate else ():
        yield from (stage.name, stage.marker)


def _keys(value: object) -> Iterator[str]:
    """The names of all fields in a body."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _plan_words(plan: Plan) -> Iterator[str]:
    yield plan.name
    yield from (fault.label for fault in plan.faults)
    yield from (step.label for step in plan.steps)
    yield from (probe.name for probe in plan.probes)
    for expectation in plan.expect:
        for value in asdict(expectation).values():
            texts = value if isinstance(value, tuple) else (value,)
            yield from (text for text in texts if isinstance(text, str))
