"""Fills the placeholders of an app's command and environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chaoslab.injection.context import Context
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.placeholders import fill, names_in
from chaoslab.model.topology import App, Link
from chaoslab.services import url_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A command and its environment, without placeholders, and the ports that it has in them."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    ports: Mapping[str, int]


async def filled(
    app: App,
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    context: Context,
    address_of: Callable[[Link], Endpoint],
    like: Filled | None = None,
) -> Filled:
    """A command of the app and the environment `env` with every placeholder replaced by its value.
    `address_of` returns the address at which the command reaches the service of a link. With
    `like`, an earlier command of the app, the ports are the same.
    """
    runtime = context.runtime
    port = like.port if like else await runtime.app_port(app)
    ports = like.ports if like else await runtime.named_ports(app)
    values = {"port": str(port), "host": runtime.app_host, "python": runtime.python}
    values |= {f"port:{name}": str(number) for name, number in ports.items()}
    # Also each URL with another scheme that is used.
    used = {name for text in (*command, *env.values()) for name in names_in(text)}
    for link in links_of(app, context):
        address, running = address_of(link), context.services[link.service]
        values |= url_values(running.service, running.url(address), used)
        values[f"{link.service}.host"] = address.host
        values[f"{link.service}.port"] = str(address.port)
    return Filled(
        command=tuple(fill(word, values) for word in command),
        env={key: fill(value, values) for key, value in env.items()},
        port=port,
        ports=ports,
    )


def links_of(app: App, context: Context) -> list[Link]:
    """The links of the app that the lab uses."""
    return [link for link in context.joined if link.app == app.name]
