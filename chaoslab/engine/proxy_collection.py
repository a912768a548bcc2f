"""All proxies of one engine, by name: create, populate, update, remove, reset."""

from __future__ import annotations

from collections.abc import Iterable

from chaoslab.engine.address import ListenAddress, join_host_port
from chaoslab.engine.proxy import Engine, Proxy
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.wire import ApiError


class ProxyCollection:
    """Maps names to the proxies of one engine. Every change is complete when the call returns."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._proxies: dict[str, Proxy] = {}

    def all(self) -> list[Proxy]:
        """All proxies, sorted by name, as Go writes a map."""
        return [self._proxies[name] for name in sorted(self._proxies)]

    def get(self, name: str) -> Proxy:
        """The proxy with this name. Raises ApiError 404 if there is none."""
        try:
            return self._proxies[name]
        except KeyError:
            raise ApiError("proxy not found", 404) from None

    def has(self, name: str) -> bool:
        """Whether there is a proxy with this name."""
        return name in self._proxies

    def require_free(self, name: str) -> None:
        """Raise ApiError 409 if the name is taken."""
        if name in self._proxies:
            raise ApiError("proxy already exists", 409)

    def create(
        self,
        name: str,
        listen: ListenAddress,
        upstream: str,
        *,
        enabled: bool,
        toxics: Iterable[Toxic],
    ) -> Proxy:
        """Make a proxy and return it; its toxics are in force before its port opens.

        Raises ApiError 409 if the name is taken.
        """
        self.require_free(name)
        proxy = Proxy(self.engine, name, listen, upstream)
        for toxic in toxics:
            proxy.toxics.add(toxic)
        if enabled:
            proxy.start()
        self._proxies[name] = proxy
        return proxy

    def populate(
        self,
        name: str,
        listen: ListenAddress,
        upstream: str,
        *,
        enabled: bool,
        toxics: list[Toxic] | None,
    ) -> Proxy:
        """Make a proxy, as Toxiproxy's `/populate` does, and return it.

        A proxy with this name and these addresses is kept; with other addresses it is replaced. If
        `toxics` is not None, they replace the toxics of a proxy that is kept.
        """
        existing = self._proxies.get(name)
        if existing is not None and not differs(existing, listen, upstream):
            if toxics is not None:
                existing.toxics.clear()
                for toxic in toxics:
                    existing.toxics.add(toxic)
                existing.apply_toxics()
            return existing
        if existing is not None:
            existing.stop()
            del self._proxies[name]
        try:
            return self.create(name, listen, upstream, enabled=enabled, toxics=toxics or ())
        except ApiError:
            if existing is not None:  # as Toxiproxy: the old proxy stays, stopped
                self._proxies[name] = existing
            raise

    def update(self, proxy: Proxy, listen: ListenAddress, upstream: str, *, enabled: bool) -> None:
        """Change a proxy: a new port or upstream restarts it, `enabled` starts or stops it."""
        if differs(proxy, listen, upstream):
            proxy.stop()
            proxy.listen, proxy.upstream = listen, upstream
        if enabled:
            proxy.start()
        else:
            proxy.stop()

    def remove(self, name: str) -> None:
        """Stop the proxy with this name and remove it. Raises ApiError 404 if there is none."""
        self.get(name).stop()
        del self._proxies[name]

    def heal(self) -> None:
        """Heal every proxy (see `Proxy.heal`), then raise the first error.

        If the port of one proxy is taken, the faults of the others are healed all the same.
        """
        errors = []
        for proxy in self.all():
            try:
                proxy.heal()
            except ApiError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Stop all proxies."""
        for proxy in self.all():
            proxy.stop()


def differs(proxy: Proxy, listen: ListenAddress, upstream: str) -> bool:
    """Whether the proxy must restart to get the addresses `listen` and `upstream`. Port 0 always
    means a new port.
    """
    # As Go does: the resolved address is compared. It is ":0" for an empty text.
    return (
        proxy.listen.text != join_host_port(listen.host, listen.port) or proxy.upstream != upstream
    )
