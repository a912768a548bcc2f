"""`.env` files of every shape, and every form of the address of a server."""

from __future__ import annotations

from odd.folder import Odd

WORDS = ("--no-start", "--", "serve")
NONE = "no service was found"


def _of(text: str | bytes, *says: str, never: tuple[str, ...] = ()) -> Odd:
    return Odd(files={".env": text}, words=WORDS, says=says, never=("s3cret", *never))


FOLDERS: dict[str, Odd] = {
    "export, quotes and comments": _of(
        "export DATABASE_URL='postgres://u:s3cret@h/d' # mine\n A = \"x\" \nB=`b`\nexport C\n",
        "{postgres.url:postgres}",
    ),
    "values of several lines": _of(
        'KEY="-----BEGIN\nREDIS_X\nMII=\nA B\n-----END"\nREDIS_URL=redis://r\n',
        "{redis.url}",
    ),
    "a quote without an end": _of("A=\"x\nREDIS_URL=redis://r\nB='\n", "{redis.url}"),
    "variables in variables": _of(
        "DB_USER=u\nDB_PASSWORD=s3cret\nDB_HOST=db\nDB_PORT=5432\n"
        "DATABASE_URL=postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}:${DB_PORT}/d\n",
        '"{postgres.url}"', 'DB_HOST = "{postgres.host}"', never=("postgres-2",),
    ),
    "a variable in itself": _of("A=$A$A\n" * 50 + "B=${A}${B}\n", NONE),
    "values that double": _of("".join(f"A{i + 1}=$A{i}$A{i}\n" for i in range(400)), NONE),
    "no values": _of("DATABASE_URL=\nREDIS_URL\nPGHOST=''\n=x\n", NONE),
    "keys twice": _of("R_URL=redis://a\nR_URL=postgresql://b/d\n", "{postgres.url}"),
    "NUL": _of(b"REDIS_URL=redis://r\n\0\n", "NUL bytes"),
    "UTF-16": _of("REDIS_URL=redis://r\n".encode("utf-16"), "UTF-16"),
    "a byte order mark": _of(b"\xef\xbb\xbfREDIS_URL=redis://r\r\n", "{redis.url}"),
    "Latin-1": _of("NAME=caf\xe9\n".encode("latin-1"), "not UTF-8"),
    "900,000 characters in a line": _of("A=" + "x" * 900_000, NONE),
    "lines of blanks": _of(("A=b" + " " * 7_000 + "c\n") * 140, NONE),
    "100,000 variables": _of("".join(f"A{i}=1\n" for i in range(60_000)), NONE),
    "control characters": _of("REDIS_URL=redis://r\nA=\x1b]0;x\x07\nB=::error::x\n", "{redis.url}"),
    "a password with every character": _of(
        "A_URL=postgresql://u:s3cret%40%2F#?:p@h:5432/d\nB_URL=redis://:s3cret$%^&*@h/0\n",
        "{postgres.url}", "{redis.url}",
    ),
    "IPv6": _of(
        "A_URL=postgresql://u:s3cret@[2001:db8::1]:5432/d\nREDIS_HOST=::1\nREDIS_PORT=6379\n"
        "BROKER_ADDR=[::1]:5672\n",
        "{postgres.url}", 'REDIS_HOST = "{redis.host}"', "{rabbitmq.host}:{rabbitmq.port}",
    ),
    "IPv6 that is broken": _of("A_URL=postgresql://[::1\nB_URL=redis://]x[/\n"),
    "Unix sockets": _of(
        "A_URL=postgresql:///d?host=/run/pg\nPGHOST=/run/pg\nB_URL=redis+socket:///run/r.sock\n"
        "REDIS_URL=unix:///run/r.sock\n",
        'A_URL = "{postgres.url}"', 'B_URL = "{redis.url}"', 'REDIS_URL = "{redis.url}"',
    ),
    "several hosts": _of(
        "A_URL=postgresql://u:s3cret@h1:5432,h2:5432/d?target_session_attrs=any\n"
        "REDIS_NODES=r1:6379,r2:6379\n",
        "{postgres.url}", "{redis.host}:{redis.port}", "a list of 2 servers",
    ),
    "TLS": _of("A_URL=rediss://:s3cret@r:6380/0\nB_URL=amqps://u:s3cret@q/v\n", "no TLS"),
    "schemes with drivers": _of(
        "A_URL=postgresql+asyncpg://u:s3cret@h/d\nB_URL=db+postgresql://u:s3cret@h/d\n"
        "C_URL=mysql+pymysql://m/d\nD_URL=r2dbc:postgresql://h/d\nE_URL=jdbc:mysql://m/d\n",
        "{postgres.url:postgresql+asyncpg}", "{postgres.url:db+postgresql}",
        "{mysql.url:mysql+pymysql}", "{postgres.url:r2dbc:postgresql}", "{mysql.url:jdbc:mysql}",
    ),
    "schemes in upper case": _of("A_URL=POSTGRESQL://h/d\n", "{postgres.url"),
    "a scheme that names no kind": _of("DATABASE_URL=ecto://u:s3cret@h/d\n", "{postgres.url:ecto}"),
    "SQLite": _of("DATABASE_URL=sqlite:///x.db\nB_URL=sqlite+aiosqlite://\n", NONE),
    "SQLite beside a host": _of("DB_CONNECTION=sqlite\nDB_HOST=127.0.0.1\nDB_PORT=3306\n", NONE),
    "MongoDB with srv and a list": _of(
        "A_URL=mongodb+srv://u:s3cret@x.mongodb.net/d\nB_URL=mongodb://a,b,c/d?replicaSet=r\n",
        "a mongodb server", NONE,
    ),
    "lists of Kafka": _of("KAFKA_BROKERS=k1:9092,k2:9092\nBOOTSTRAP_SERVERS=k:9092\n", "a kafka"),
    "Redis Sentinel": _of(
        "REDIS_SENTINELS=a:26379,b:26379\nB_URL=redis+sentinel://:s3cret@a:26379/m\n",
        "sentinel", NONE,
    ),
    "SQL Server and Oracle": _of(
        "DB_URL=mssql+pyodbc://sa:s3cret@h/d?driver=x\nDATABASE_URL=oracle://u:s3cret@h/d\n"
        "ConnectionStrings__Db=Server=h;Database=d;User Id=sa;Password=s3cret\n",
        "a sqlserver server", "DATABASE_URL in .env: not known which kind of server",
        "ConnectionStrings__Db in .env: not known", NONE,
    ),
    "DSNs": _of(
        "A=host=h port=5432 dbname=d user=u password='s3cret x'\n"
        "B=Host=h;Port=5432;Database=d;Username=u;Password=s3cret\nC=u:s3cret@tcp(m:3306)/d?x=1\n",
        "host={postgres.host}", "Host={postgres.host}", "@tcp({mysql.host}:{mysql.port})",
    ),
    "a URL in quotes of JSON": _of("A={\"url\": \"redis://r\"}\nB=[\"redis://a\"]\n", NONE),
    "addresses of Kubernetes": _of(
        "REDIS_SERVICE_HOST=10.0.0.1\nREDIS_SERVICE_PORT=6379\nREDIS_PORT=tcp://10.0.0.1:6379\n",
        'REDIS_SERVICE_HOST = "{redis.host}"', "{redis.port}",
    ),
    "no word for an address": _of(
        "CACHE=redis:6379\nTIME=12:30\nRATIO=1:5432\n", "{redis.host}:{redis.port}",
        never=("TIME =",),
    ),
    "HTTP servers": _of(
        "HOOK_URL=https://hooks.example.com/s3cret\nBASE_URL=http://localhost:1\n",
        "hooks.example.com",
    ),
    "ports beyond 65535": _of("A_URL=postgresql://h:99999999999/d\nREDIS_PORT=0\nPORT=-1\n"),
    "hosts that are odd": _of("A_URL=redis://\u00fcber.example/0\nPGHOST=' '\nDB_HOST={h}\n"),
    "900 servers": _of("".join(f"U{i}_URL=redis://h{i}\n" for i in range(900)), "too many servers"),
    "only examples": Odd(
        files={".env.example": "REDIS_URL=redis://r\n", ".env.sample": "REDIS_URL=mysql://x/y\n"},
        words=WORDS, says=("{redis.url}",),
    ),
    "secrets in Compose": Odd(
        files={
            ".env": "API_TOKEN=s3cret99\n",
            "compose.yaml": "services: {web: {build: ., command: 'serve --token ${API_TOKEN}', "
            "environment: {A: 'Bearer ${API_TOKEN}', M: 'mongodb://u:hunter2@m/d', B: plain}}}",
        },
        says=('B = "plain"', "API_TOKEN"), never=("s3cret99", "hunter2"),
    ),
}  # fmt: skip
