"""What a topology file was understood to say, for people."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from chaoslab.spec.health import DEFAULT_WORDS
from chaoslab.spec.topology import App, Attach, Container, Images, Topology


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
        _add_app(apps.add(Text(app.name, style="bold")), app, Path(topology.source).parent)
    connectors = tree.add("connectors" if topology.connectors else "connectors: none")
    for connector in topology.connectors.values():
        connectors.add(Text(f"{connector.name}: {', '.join(connector.links)}"))
    if topology.images != Images() or any(app.container for app in topology.apps.values()):
        tree.add("images").add(_pairs(asdict(topology.images)))
    if topology.attach is not None:
        tree.add("attach").add(_pairs(_standing(topology.attach)))
    tree.add(Text(f"faults may target: {', '.join(topology.targets) or 'nothing'}"))
    return tree


def _add_app(branch: Tree, app: App, folder: Path) -> None:
    branch.add(Text(f"command: {' '.join(app.command)}"))
    branch.add(Text(f"port: {app.port or 'any free one'}"))
    branch.add(Text(f"links: {', '.join(app.links) or 'none'}"))
    if app.container is not None:
        branch.add(Text(f"container: {_container(app.container, folder)}"))
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


def _container(container: Container, folder: Path) -> str:
    build = container.build
    if build is None:
        return container.image
    told = f"{container.image}, built from {os.path.relpath(build.context, folder)}"
    args = "".join(f", {name}={value}" for name, value in build.args.items())
    return f"{told} by {build.dockerfile}{args}"


def _standing(attach: Attach) -> dict[str, str]:
    links = {link: f"proxy {proxy}" for link, proxy in attach.links.items()}
    services = {name: _without_password(url) for name, url in attach.services.items()}
    return {"toxiproxy": attach.toxiproxy, **attach.apps, **links, **services}


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url if password is None else url.replace(f":{password}@", ":…@", 1)


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
