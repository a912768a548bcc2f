"""All proxies of one engine, by name: create, populate, update, remove, reset."""

from __future__ import annotations

from collections.abc import Iterable

from chaoslab.engine.address import ListenAddress
from chaoslab.engine.proxy import Engine, Proxy
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.wire import ApiError


class ProxyCollection:
    """Proxies by name. Every change is complete when the call returns."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._proxies: dict[str, Proxy] = {}

    def all(self) -> list[Proxy]:
        """Sorted by name, as Go writes a map."""
        return [self._proxies[name] for name in sorted(self._proxies)]

    def get(self, name: str) -> Proxy:
        """The proxy of that name, or 404."""
        try:
            return self._proxies[name]
        except KeyError:
            raise ApiError("proxy not found", 404) from None

    def has(self, name: str) -> bool:
        """Whether there is a proxy of that name."""
        return name in self._proxies

    def demand_free(self, name: str) -> None:
        """409 if the name is taken."""
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
        """A new proxy with its toxics in place before its port opens; 409 if the name is taken."""
        self.demand_free(name)
        proxy = Proxy(self.engine, name, listen, upstream)
        for toxic in toxics:
            proxy.chain.add(toxic)
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
        """As Toxiproxy does: keep a proxy with the same addresses, replace any other.

        Toxics in the body replace those of a proxy that is kept.
        """
        existing = self._proxies.get(name)
        if existing is not None and not differs(existing, listen, upstream):
            if toxics is not None:
                existing.chain.clear()
                for toxic in toxics:
                    existing.chain.add(toxic)
                existing.arrange()
            return existing
        if existing is not None:
            existing.stop()
            del self._proxies[name]
        try:
            return self.create(name, listen, upstream, enabled=enabled, toxics=toxics or ())
        except ApiError:
            if existing is not None:  # Toxiproxy keeps the old one, stopped
                self._proxies[name] = existing
            raise

    def update(self, proxy: Proxy, listen: ListenAddress, upstream: str, *, enabled: bool) -> None:
        """A new port or upstream restarts the proxy; `enabled` starts or stops it."""
        if differs(proxy, listen, upstream):
            proxy.stop()
            proxy.listen, proxy.upstream = listen, upstream
        if enabled:
            proxy.start()
        else:
            proxy.stop()

    def remove(self, name: str) -> None:
        """Stop it and forget it, or 404."""
        self.get(name).stop()
        del self._proxies[name]

    def heal(self) -> None:
        """Enable every proxy, accept clients, remove all toxics; raise the first error at the end.

        One proxy whose port is taken must not keep the faults of the others in force.
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
        """Stop everything."""
        for proxy in self.all():
            proxy.stop()


def differs(proxy: Proxy, listen: ListenAddress, upstream: str) -> bool:
    """Whether the proxy would have to restart; a port of 0 always asks for a new one."""
    # As Go writes an address that it has resolved: without a host, ":0" even for "".
    resolved = ListenAddress.bound((listen.host, listen.port)).text
    return proxy.listen.text != resolved or proxy.upstream != upstream
