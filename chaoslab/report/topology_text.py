"""What a topology file was understood to say, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from chaoslab.spec.health import DEFAULT_WORDS
from chaoslab.spec.topology import App, Topology


def understood(topology: Topology) -> Tree:
    """The whole topology as a tree: services, apps with links and bounds, connectors."""
    tree = Tree(Text(f"{topology.name}  ({topology.source})", style="bold"))
    services = tree.add("services")
    for service in topology.services.values():
        users = [link.app for link in topology.links if link.service == service.name]
        used = f"used by {', '.join(users)}" if users else "no app links to it"
        services.add(Text(f"{service.name}: {service.kind}, {used}"))
    apps = tree.add("apps")
    for app in topology.apps.values():
        _add_app(apps.add(Text(app.name, style="bold")), app)
    connectors = tree.add("connectors" if topology.connectors else "connectors: none")
    for connector in topology.connectors.values():
        connectors.add(Text(f"{connector.name}: {', '.join(connector.links)}"))
    tree.add(Text(f"faults may target: {', '.join(topology.targets) or 'nothing'}"))
    return tree


def _add_app(branch: Tree, app: App) -> None:
    branch.add(Text(f"command: {' '.join(app.command)}"))
    branch.add(Text(f"port: {app.port or 'any free one'}"))
    branch.add(Text(f"links: {', '.join(app.links) or 'none'}"))
    if app.env:
        branch.add("env").add(_pairs(app.env))
    branch.add("health").add(_pairs(_health(app)))
    bounds = {each.name: f"{getattr(app.deadlines, each.name):g}" for each in fields(app.deadlines)}
    branch.add("deadlines").add(_pairs(bounds))
    if app.writes is None:
        branch.add("writes: none declared, so no scenario can prove a recovery by a write")
    else:
        writes = app.writes
        told = f"POST {writes.create_path} keeps a row in {writes.service}: {writes.table}"
        branch.add(Text(f"writes: {told}.{writes.id_column}"))


def _health(app: App) -> dict[str, str]:
    health = app.health
    paths = {
        "path": health.path,
        "live_path": health.live_path,
        "ready_path": health.ready_path,
        "startup_path": health.startup_path,
    }
    shown = {name: path or "none" for name, path in paths.items()}
    if health.phases:
        shown["phases"] = ", ".join(health.phases)
    shown["fields"] = f"{health.status_field or '(plain text)'}, {health.dependencies_field}"
    own = {
        word: state.value
        for word, state in health.words.items()
        if DEFAULT_WORDS.get(word) is not state
    }
    if own:
        shown["words"] = ", ".join(f"{word} = {state}" for word, state in own.items())
    return shown


def _pairs(pairs: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(Text(name), Text(value))
    return table
