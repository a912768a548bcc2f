"""A topology as a tree of text, as `chaoslab check` prints it."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from chaoslab.extensions import listed
from chaoslab.model.deployment import Deployment
from chaoslab.model.gate import Gate, GateStage
from chaoslab.model.health import DEFAULT_WORDS
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.masking import mask_of
from chaoslab.model.policy import CutMode, OutageMode, Policies
from chaoslab.model.requests import RequestContract
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import (
    App,
    Attach,
    Container,
    Deadlines,
    Images,
    Limits,
    Secrets,
    Topology,
)
from chaoslab.printable import one_line
from chaoslab.services import kind_of


def topology_tree(topology: Topology) -> Tree:
    """The topology as a tree to print, with its secrets masked."""
    topology = mask_of(topology).of(topology)
    tree = Tree(_text(f"{topology.name}  ({topology.source})", style="bold"))
    services = tree.add("services")
    for service in topology.services.values():
        users = [link.app for link in topology.links if link.service == service.name]
        used = f"used by {', '.join(users)}" if users else "no app links to it"
        branch = services.add(_text(f"{service.name}: {service.kind}, {used}"))
        if service.settings:
            branch.add(_pairs({key: _setting(value) for key, value in service.settings.items()}))
    apps = tree.add("apps")
    for app in topology.apps.values():
        _add_app(apps.add(_text(app.name, style="bold")), app, Path(topology.source).parent)
    connectors = tree.add("connectors" if topology.connectors else "connectors: none")
    for connector in topology.connectors.values():
        connectors.add(_text(f"{connector.name}: {', '.join(connector.links)}"))
    if topology.images != Images() or any(app.container for app in topology.apps.values()):
        tree.add("images").add(_pairs(_images(topology)))
    if topology.attach is not None:
        tree.add("attach").add(_pairs(_attach(topology.attach)))
    if topology.secrets != Secrets():
        tree.add("secrets").add(_pairs(_secrets(topology.secrets)))
    if topology.known_gaps:
        gaps = {f"{gap.run}: {gap.verdict}": _gap(gap) for gap in topology.known_gaps}
        tree.add("known gaps").add(_pairs(gaps))
    if topology.gate is not None:
        _add_gate(tree.add("gate"), topology.gate)
    if topology.deployment is not None:
        pairs = _deployment(topology.deployment, Path(topology.source).parent)
        tree.add("deployment").add(_pairs(pairs))
    if extensions := sorted(listed()):
        branch = tree.add("extensions")
        for group, name, distribution in extensions:
            branch.add(_text(f"{name} ({group.rpartition('.')[2]}) from {distribution}"))
    tree.add(_text(f"faults may target: {', '.join(topology.targets) or 'nothing'}"))
    return tree


def _add_app(branch: Tree, app: App, folder: Path) -> None:
    branch.add(_text(f"command: {' '.join(app.command)}"))
    if app.cwd:
        branch.add(_text(f"cwd: {os.path.relpath(app.cwd, folder)}"))
    for command in app.prepare:
        branch.add(_text(f"prepare: {' '.join(command)}"))
    for name, command in app.processes.items():
        branch.add(_text(f"process {name}: {' '.join(command)}"))
    branch.add(_text(f"port: {app.port or 'any free one'}"))
    branch.add(_text(f"links: {', '.join(app.links) or 'none'}"))
    if app.network == "host":
        branch.add(_text("network: that of the machine"))
    if app.outside:
        branch.add(_text(f"outside: {', '.join(app.outside)}"))
    if app.container is not None:
        branch.add(_text(f"container: {_container(app.container, folder)}"))
    if app.env:
        branch.add("env").add(_pairs(app.env))
    branch.add("health").add(_pairs(_health(app)))
    branch.add("deadlines").add(_pairs(_figures(app.deadlines)))
    branch.add("limits").add(_pairs(_figures(app.limits)))
    if app.policies:
        branch.add("policies").add(_pairs(_policies(app.policies)))
    if app.needs:
        needs = {service: _by_mode(each, CutMode) for service, each in app.needs.items()}
        branch.add("needs").add(_pairs(needs))
    if app.supervisor is not None:
        branch.add("supervisor").add(_pairs(_figures(app.supervisor)))
    if app.write is None:
        branch.add("no write declared; no scenario can verify a recovery with a write")
    requests = branch.add("requests") if app.requests else branch
    for request in app.requests.values():
        requests.add(_text(_request(request)))


def _request(request: RequestContract) -> str:
    text = f"{request.name}: {request.kind}, {request.method} {request.path}"
    if request.of:
        text += f", reads what {request.of} wrote"
    if request.users:
        text += f", as {', '.join(request.users)}"
    if (found := request.found) is None:
        return text
    late = f", within {found.within_s:g} s of the answer" if found.within_s else ""
    return f"{text}, found in {found.place}, {found.delivery.replace('_', ' ')}{late}"


def _policies(policies: Mapping[str, Policies]) -> dict[str, str]:
    """Maps each service to what the app is to do without it, as text."""
    return {service: _policies_of(declared) for service, declared in policies.items()}


def _policies_of(declared: Policies) -> str:
    moments = {"at boot": declared.boot, "running": declared.running}
    each = (f"{at}: {_by_mode(mine, OutageMode)}" for at, mine in moments.items() if mine)
    return "; ".join(each) or "none"


def _by_mode(words: Mapping[Any, str], modes: object) -> str:
    """The words by mode as text; only the word if it is the same for each of the `modes`."""
    if set(words) == set(get_args(modes)) and len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{mode} {word}" for mode, word in words.items())


def _figures(table: Deadlines | Limits | Supervisor) -> dict[str, str]:
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    return {name: _figure(value) for name, value in values.items() if value not in (None, {})}


def _figure(value: float | str | Mapping[str, int]) -> str:
    if isinstance(value, str | bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{service} {most}" for service, most in value.items())
    return f"{value:g}"


def _add_gate(branch: Tree, gate: Gate) -> None:
    branch.add(_text(f"runtime: {gate.runtime}, proxy: {gate.proxy}, workers: {gate.workers}"))
    branch.add(_text(f"deadline_s: {gate.deadline_s:g}, retries: {gate.retries}"))
    branch.add(_text(f"p1: {', '.join(gate.p1)}"))
    if slow := gate.slow:
        text = f"every answer to a write takes over {slow.responses_s:g} s, for {slow.for_s:g} s"
        branch.add(_text(f"slow: {text}"))
    stages = branch.add("stages")
    for number, stage in enumerate(gate.stages, start=1):
        stages.add(_text(f"{number}. {_stage(stage)}"))


def _stage(stage: GateStage) -> str:
    text = f"{stage.name}: -m '{stage.marker}', {stage.pass_rate:.0%} must pass"
    rules = f", aborted by {', '.join(stage.abort_on)}" if stage.abort_on else ""
    return f"{text} in {stage.deadline_s:g} s{rules}"


def _deployment(deployment: Deployment, folder: Path) -> dict[str, str]:
    rules = {
        "required": bool(deployment.required),
        "bypass": deployment.bypass is not None,
        "window": deployment.window is not None,
        "pool": deployment.pool is not None,
        "ports": bool(deployment.ports),
    }
    return {
        "file": os.path.relpath(deployment.file, folder),
        "checked": ", ".join(rule for rule, there in rules.items() if there) or "nothing",
        "not checked": ", ".join(rule for rule, there in rules.items() if not there) or "nothing",
        "live": ", ".join(f"{link} by ${name}" for link, name in deployment.paths.items())
        or "no path",
    }


def _container(container: Container, folder: Path) -> str:
    build, inside = container.build, f", cwd {container.cwd}" if container.cwd else ""
    if build is None:
        return container.image + inside
    context = os.path.relpath(build.context, folder)
    args = "".join(f", {name}={value}" for name, value in build.args.items())
    return f"{container.image}, built from {context} by {build.dockerfile}{args}{inside}"


def _setting(value: object) -> str:
    """The value of a service's setting as text: a list as words, a table as `key = value` pairs."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_setting(each)}" for key, each in value.items())
    return str(value)


def _images(topology: Topology) -> dict[str, str]:
    """Maps each kind of service, and `toxiproxy` and `python`, to its image.

    A service has the image that the topology names, else the default image of its kind.
    """
    named, kinds = topology.images, dict.fromkeys(s.kind for s in topology.services.values())
    own = {kind: kind_of(kind).image for kind in kinds}
    return {
        **{kind: image for kind, image in (own | dict(named.services)).items() if image},
        "toxiproxy": named.toxiproxy,
        "python": named.python,
    }


def _attach(attach: Attach) -> dict[str, str]:
    links = {link: f"proxy {proxy}" for link, proxy in attach.links.items()}
    return {"toxiproxy": attach.toxiproxy, **attach.apps, **links, **attach.services}


def _gap(gap: KnownGap) -> str:
    return f"until {gap.expires}: {gap.reason} ({gap.owner}, since {gap.since})"


def _secrets(secrets: Secrets) -> dict[str, str]:
    return {
        "variables": ", ".join(secrets.variables) or "none listed",
        "values": ", ".join(secrets.values) or "none listed",
    }


def _health(app: App) -> dict[str, str]:
    health = app.health
    paths = {
        **({"port": f"{{port:{health.port}}}"} if health.port else {}),
        "path": health.path,
        "live_path": health.live_path,
        "ready_path": health.ready_path,
        "startup_path": health.startup_path,
    }
    shown = {name: path or "none" for name, path in paths.items()}
    if health.period_s is not None:
        shown["asked"] = f"no more often than each {health.period_s:g} s"
    if health.headers:
        shown["headers"] = ", ".join(health.headers)
    if health.phases:
        shown["phases"] = ", ".join(health.phases)
    shown["status_field"] = health.status_field or "none: only the status code counts"
    shown["dependencies_field"] = health.dependencies_field or "none"
    own = {
        word: state.value
        for word, state in health.words.items()
        if DEFAULT_WORDS.get(word) is not state
    }
    if own:
        shown["words"] = ", ".join(f"{word} = {state}" for word, state in own.items())
    return shown


def _text(text: str, style: str = "") -> Text:
    """A text to print, from `text`, which may come from a file: on one line, control characters
    escaped.
    """
    return Text(one_line(text), style=style)


def _pairs(pairs: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(_text(name), _text(value))
    return table
