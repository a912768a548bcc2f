"""What is known of servers: their names in URLs, variables, ports and images. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One kind of server, as it is named outside chaoslab.

    `kind` is chaoslab's kind, empty if it has none: such a server can only be declared as `tcp` or
    `http`. `schemes` are those of its URLs, `words` are parts of the names of variables, `images`
    are parts of the names of images. `usual` is the scheme of chaoslab's own URL of the kind.
    """

    name: str
    port: int
    schemes: tuple[str, ...]
    words: tuple[str, ...]
    images: tuple[str, ...]
    kind: str = ""
    usual: str = ""


SERVERS: tuple[Server, ...] = (
    Server(
        name="postgres",
        kind="postgres",
        usual="postgresql",
        port=5432,
        schemes=("postgresql", "postgres", "pgsql", "psql", "pg", "postgis", "timescale", "ecto"),
        words=("POSTGRES", "POSTGRESQL", "PG", "PGSQL", "PSQL", "POSTGIS"),
        images=(
            *("postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector"),
            *("postgresql-repmgr", "supabase-postgres", "citus"),
        ),
    ),
    Server(
        name="mysql",
        kind="mysql",
        usual="mysql",
        port=3306,
        schemes=("mysql", "mariadb", "mysql2", "mysqli"),
        words=("MYSQL", "MARIADB"),
        images=("mysql", "mariadb", "percona", "percona-server", "mysql-server"),
    ),
    Server(
        name="redis sentinel",
        port=26379,
        schemes=("redis-sentinel", "redis+sentinel", "rediss+sentinel", "sentinel"),
        words=("SENTINEL", "SENTINELS"),
        images=("redis-sentinel",),
    ),
    Server(
        name="redis",
        kind="redis",
        usual="redis",
        port=6379,
        schemes=("redis", "rediss", "valkey", "valkeys"),
        words=("REDIS", "VALKEY"),
        images=("redis", "valkey", "keydb", "redis-stack", "redis-stack-server"),
    ),
    Server(
        name="rabbitmq",
        kind="rabbitmq",
        usual="amqp",
        port=5672,
        schemes=("amqp", "amqps", "pyamqp", "rabbitmq"),
        words=("RABBITMQ", "RABBIT", "AMQP"),
        images=("rabbitmq",),
    ),
    Server(
        name="mongodb",
        port=27017,
        schemes=("mongodb", "mongodb+srv", "mongo"),
        words=("MONGO", "MONGODB"),
        images=("mongo", "mongodb"),
    ),
    Server(
        name="kafka",
        port=9092,
        schemes=("kafka",),
        words=("KAFKA",),
        images=("kafka", "cp-kafka", "redpanda"),
    ),
    Server(name="nats", port=4222, schemes=("nats",), words=("NATS",), images=("nats",)),
    Server(
        name="memcached",
        port=11211,
        schemes=("memcached", "memcache"),
        words=("MEMCACHE", "MEMCACHED"),
        images=("memcached",),
    ),
    Server(
        name="elasticsearch",
        port=9200,
        schemes=("elasticsearch",),
        words=("ELASTICSEARCH", "ELASTIC", "OPENSEARCH"),
        images=("elasticsearch", "opensearch"),
    ),
    Server(
        name="clickhouse",
        port=8123,
        schemes=("clickhouse", "clickhouses", "clickhouse+native", "clickhouse+http"),
        words=("CLICKHOUSE",),
        images=("clickhouse", "clickhouse-server"),
    ),
    Server(
        name="sqlserver",
        port=1433,
        schemes=("sqlserver", "mssql"),
        words=("MSSQL", "SQLSERVER"),
        images=("mssql-server", "azure-sql-edge"),
    ),
    Server(
        name="cassandra",
        port=9042,
        schemes=("cassandra", "scylla"),
        words=("CASSANDRA", "SCYLLA"),
        images=("cassandra", "scylla"),
    ),
    Server(
        name="neo4j",
        port=7687,
        schemes=("neo4j", "neo4j+s", "bolt"),
        words=("NEO4J",),
        images=("neo4j",),
    ),
    Server(
        name="cockroachdb",
        port=26257,
        schemes=("cockroachdb", "cockroach"),
        words=("COCKROACH", "COCKROACHDB"),
        images=("cockroach",),
    ),
    Server(
        name="mqtt",
        port=1883,
        schemes=("mqtt", "mqtts"),
        words=("MQTT",),
        images=("eclipse-mosquitto", "mosquitto"),
    ),
    Server(
        name="smtp",
        port=25,
        schemes=("smtp", "smtps"),
        words=("SMTP",),
        images=("mailhog", "mailpit", "maildev"),
    ),
)
TLS_SCHEMES = frozenset(("rediss", "amqps", "valkeys"))
# The values by which a variable such as DB_CLIENT or DATABASE_ENGINE names the kind of server.
BY_VALUE: Mapping[str, str] = {
    word.lower(): server.name for server in SERVERS for word in (*server.words, *server.schemes)
} | {"mysqli": "mysql"}
BY_SCHEME: Mapping[str, Server] = {
    scheme: server for server in SERVERS for scheme in server.schemes
}
BY_PORT: Mapping[int, Server] = {server.port: server for server in SERVERS if server.port > 1024}
BY_NAME: Mapping[str, Server] = {server.name: server for server in SERVERS}


def by_words(parts: tuple[str, ...]) -> Server | None:
    """The server that one of the upper-case parts of a variable's name names; None if none does."""
    return next((server for server in SERVERS if set(parts) & set(server.words)), None)


def image_name(image: str) -> str:
    """The last part of an image's name: `postgresql` of `bitnami/postgresql:16`."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].split(":", maxsplit=1)[0].lower()


def by_image(image: str) -> Server | None:
    """The server that runs in an image of that name, such as `bitnami/postgresql:16`."""
    last = image_name(image)
    return next((server for server in SERVERS if last in server.images), None)
