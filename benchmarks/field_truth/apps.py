"""The services whose truth is taken: each twice, in another configuration."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from servers import URLS


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """How an app is started, and what it is asked. `{port}` and `{url}` are filled."""

    name: str
    server: str
    command: str
    health: str
    request: str
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[str] = ()
    prepare: Sequence[str] = ()
    restart: str = "always"
    boot_s: float = 1.0

    def words(self, port: int) -> list[str]:
        """The command for this port."""
        return shlex.split(self._filled(self.command, port))

    def variables(self, port: int) -> dict[str, str]:
        """The variables for this port."""
        return {name: self._filled(value, port) for name, value in self.env.items()}

    def _filled(self, text: str, port: int) -> str:
        return text.replace("{port}", str(port)).replace("{url}", URLS[self.server])


MINIFLUX = {
    "LISTEN_ADDR": "127.0.0.1:{port}",
    "RUN_MIGRATIONS": "1",
    "CREATE_ADMIN": "1",
    "ADMIN_USERNAME": "admin",
    "ADMIN_PASSWORD": "test123",
}
UNLEASH = {
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": "{port}",
    "DATABASE_URL": "{url}",
    "CHECK_VERSION": "false",
}
UNLEASH_TABLES = (
    "node -e \"import('unleash-server').then(u => u.create({})).then(() => process.exit())\""
)
ADMIN = "*:*.0123456789abcdef0123456789abcdef"
BACKEND = "*:development.0123456789abcdef0123456789abcdef"

APPS = (
    App(
        name="miniflux",
        server="postgres",
        command="miniflux.app",
        env={**MINIFLUX, "DATABASE_URL": "{url}"},
        prepare=("miniflux.app -migrate",),
        health="/healthcheck",
        request="/v1/me",
        headers=("Authorization: Basic YWRtaW46dGVzdDEyMw==",),
    ),
    App(
        name="miniflux_one",  # one connection, a time limit for a connect, and liveness for health
        server="postgres",
        command="miniflux.app",
        env={
            **MINIFLUX,
            "DATABASE_URL": "{url}&connect_timeout=2",
            "DATABASE_MIN_CONNS": "1",
            "DATABASE_MAX_CONNS": "1",
        },
        prepare=("miniflux.app -migrate",),
        health="/liveness",
        request="/v1/me",
        headers=("Authorization: Basic YWRtaW46dGVzdDEyMw==",),
        restart="never",
    ),
    App(
        name="rqdash",
        server="redis",
        command="rq-dashboard --bind 127.0.0.1 --port {port} --redis-url {url}",
        health="/",
        request="/0/data/queues.json",
    ),
    App(
        name="rqdash_limits",  # time limits in the URL, and health is a page that reads
        server="redis",
        command="rq-dashboard --bind 127.0.0.1 --port {port} --redis-url"
        " '{url}?socket_timeout=0.5&socket_connect_timeout=0.5'",
        health="/0/data/queues.json",
        request="/0/data/workers.json",
        restart="never",
    ),
    App(
        name="unleash",
        server="postgres",
        command="node node_modules/unleash-server/dist/server.js",
        env={**UNLEASH, "INIT_BACKEND_API_TOKENS": BACKEND},
        prepare=(UNLEASH_TABLES,),
        health="/health",
        request="/api/client/features",
        headers=(f"Authorization: {BACKEND}",),
        boot_s=3.0,
    ),
    App(
        name="unleash_ready",  # readiness asks the database, and the pool has one connection
        server="postgres",
        command="node -e \"import('unleash-server').then(u => u.start({ checkDbOnReady: true }))\"",
        env={**UNLEASH, "INIT_ADMIN_API_TOKENS": ADMIN, "DATABASE_POOL_MAX": "1"},
        prepare=(UNLEASH_TABLES,),
        health="/ready",
        request="/api/admin/projects",
        headers=(f"Authorization: {ADMIN}",),
        restart="never",
        boot_s=3.0,
    ),
)
