"""Compose files of every shape."""

from __future__ import annotations

from odd.folder import READ, Odd

URL = 'DATABASE_URL = "{postgres.url'
DB = "  db: {image: 'postgres:16'}\n"
WEB = "services:\n  web:\n    build: .\n    command: serve --port 8000\n"
NO_COMMAND = ("init.no_command",)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)


def _of(text: str | bytes, *says: str, never: tuple[str, ...] = ()) -> Odd:
    return Odd(files={"compose.yaml": text}, says=says, never=never)


def _none(text: str | bytes, *says: str) -> Odd:
    """A file without a command: init must say so, with the reason why the file was not used."""
    return Odd(files={"compose.yaml": text}, code=2, says=(*NO_COMMAND, *says))


FOLDERS: dict[str, Odd] = {
    "version 1, without services": _of(
        "web:\n  build: .\n  command: serve\n  environment: [REDIS_URL=redis://cache/1]\n"
        "cache:\n  image: redis:3\n",
        "serve", "redis://{redis.host}:{redis.port}/1",
    ),
    "extends a service of the file": _of(
        "services:\n  base:\n    image: shop\n    command: serve\n    environment:\n"
        "      DATABASE_URL: postgres://u:p@db/d\n      LOG: a\n"
        f"  web:\n    extends: {{service: base}}\n    build: .\n    environment: [LOG=b]\n{DB}",
        URL, '"serve"', 'LOG = "b"',
    ),
    "extends a service of another file": Odd(
        files={
            "compose.yaml": "services: {web: {extends: {file: common.yml, service: base}}}",
            "common.yml": "services: {base: {build: ., command: serve, "
            "environment: {REDIS_URL: 'redis://r'}}}",
        },
        says=("serve", "{redis.url}"),
    ),
    "extends itself": _none("services: {web: {build: ., extends: {service: web}}}"),
    "extends what is missing": _of(
        "services: {web: {build: ., command: serve, extends: base}}", "serve", "base"
    ),
    "includes another file": Odd(
        files={
            "compose.yaml": "include: [db.yaml]\nservices: {web: {build: ., command: serve, "
            "depends_on: [db]}}",
            "db.yaml": "services: {db: {image: 'postgres:16'}}",
        },
        says=("[services.postgres]",),
    ),
    "includes itself": Odd(
        files={"compose.yaml": "include: [{path: compose.yaml}]\nservices: {w: {build: .}}"},
        code=2, says=NO_COMMAND,
    ),
    "an override file": Odd(
        files={
            "docker-compose.yml": f"{WEB}    environment: {{MODE: a, PG: 'postgres://db/d'}}\n{DB}",
            "docker-compose.override.yml": "services: {web: {command: dev --port 3000, "
            "environment: [MODE=b]}}",
        },
        says=('"dev"', 'MODE = "b"', "{postgres.url:postgres}"),
    ),
    "two Compose files": Odd(
        files={"compose.yaml": "services: {a: {build: ., command: one}}",
               "docker-compose.yml": "services: {b: {build: ., command: two}}"},
        says=('command = ["one"]', "docker-compose.yml"),
    ),
    "anchors and merge keys": _of(
        "x-env: &env {DATABASE_URL: postgres://u:p@db/d, A: one}\n"
        f"{WEB}    environment: {{<<: *env, A: two}}\n{DB}", URL, 'A = "two"',
    ),
    "a list of merges": _of(
        "x-a: &a {A: one}\nx-b: &b {A: two, B: two}\n"
        f"{WEB}    environment: {{<<: [*a, *b]}}\n", 'A = "one"', 'B = "two"',
    ),
    "a merge of a text": _none("services: {web: {<<: text, build: .}}", "merge"),
    "env_file as text, list and table": Odd(
        files={
            "compose.yaml": f"{WEB}    env_file: [a.env, {{path: b.env}}, no.env]\n",
            "a.env": "DATABASE_URL=postgres://u:s3cret@db/d\n", "b.env": "REDIS_HOST=cache\n",
        },
        says=(URL, 'REDIS_HOST = "{redis.host}"'), never=("s3cret",),
    ),
    "env_file outside of the folder": _of(f"{WEB}    env_file: ../../etc/passwd\n", "not read"),
    "interpolation with defaults": _of(
        f"{WEB}    environment:\n      DATABASE_URL: postgres://${{U:-u}}:${{P:?no password}}@"
        f"${{H:-db}}:${{N-5432}}/d\n      X: $$HOME ${{X+set}}${{Y:-${{Z:-deep}}}}\n{DB}",
        URL, 'X = "$HOME deep"',
    ),
    "interpolation that never ends": _of(f"{WEB}    environment: {{X: '${{A:-${{B:-'}}\n", "serve"),
    "interpolated ports and image": _of(
        "services:\n  web:\n    build: .\n    command: serve\n    ports: ['80:${P:-8000}']\n"
        "    depends_on: [db]\n  db: {image: '${DB:-postgres}:${TAG:-16}'}\n",
        "[services.postgres]", 'postgres = "postgres:16"',
    ),
    "profiles": _of(
        "services:\n  tool: {build: tools, command: shell, ports: ['1:1'], profiles: [debug]}\n"
        "  web: {build: ., command: serve}\n", 'command = ["serve"]',
    ),
    "ports in long form": _of(
        "services: {web: {build: ., command: serve, ports: [{target: 8000, published: '80', "
        "mode: host}]}}", "serve",
    ),
    "ranges and odd ports": _of(
        "services: {web: {build: ., command: serve, ports: ['3000-3005:3000-3005', '::1:80:80', "
        "99999, '6060:6060/udp', [], {target: x}]}}", "serve",
    ),
    "depends_on in long form": _of(
        f"{WEB}    depends_on: {{db: {{condition: service_healthy, required: false}}}}\n{DB}",
        "[services.postgres]",
    ),
    "entrypoint and command": _of(
        "services: {web: {build: ., entrypoint: [python, -m, shop], command: [serve, --fast]}}",
        '"python", "-m", "shop", "serve", "--fast"',
    ),
    "a shell line with a pipe": _of(
        "services: {web: {build: ., command: sh -c 'migrate && exec serve --port 8000 | tee log'}}",
        '"sh", "-c"', "serve --port {port}",
    ),
    "the app in a folder of its own": Odd(
        files={
            "compose.yaml": "services: {api: {build: ./api, depends_on: [db]}, "
            "db: {image: 'postgres:16'}}",
            "api/Dockerfile": "FROM node\nCMD node server.js\n", "api/server.js": "",
        },
        says=('cwd = "api"', '["node", "server.js"]'),
    ),
    "a proxy and a page before the app": _of(
        "services:\n  proxy: {image: 'nginx:1', ports: ['80:80'], depends_on: [page, api]}\n"
        "  page: {build: page, command: page, ports: ['3000:3000']}\n"
        f"  api: {{build: ., command: serve, ports: ['8000:8000'], depends_on: [db]}}\n{DB}",
        'command = ["serve"]', "[services.postgres]",
    ),
    "a server that is built here": _of(
        "services:\n  db: {build: db, ports: ['5432:5432']}\n"
        "  web: {build: ., command: serve, environment: {DB_HOST: db, DB_PORT: 5432}}\n",
        'command = ["serve"]', 'DB_HOST = "{postgres.host}"',
    ),
    "health checks without a scheme": _of(
        f"{WEB}    healthcheck: {{test: curl -f localhost:8000/healthy || exit 1}}\n",
        'path = "/healthy"',
    ),
    "null everywhere": _of(
        "services: {web: {build: ., command: serve, environment: , ports: , depends_on: , "
        "env_file: , healthcheck: , image: }}", "serve",
    ),
    "wrong types everywhere": _none(
        "services: {web: {build: [1], command: [[serve]], image: {a: b}, environment: 5, "
        "ports: x, depends_on: 7, healthcheck: [x], env_file: {a: b}}}"
    ),
    "nothing in it": _none("", "no services"),
    "services that are a list": _none("services: [a, b]", "no services"),
    "a text": _none("hello", "no services"),
    "5 MB": _none(f"services: {{web: {{build: .}}}}\n#{'x' * 5_000_000}", "1 MiB"),
    "900 KB of services": _none(
        "services:\n" + "".join(f"  s{i}: {{image: x}}\n" for i in range(45_000)), "too large"
    ),
    "a bomb of aliases": _none(BOMB, "too many nodes"),
    "an alias of itself": _none("services: &a {x: *a}", "alias"),
    "20,000 brackets": _none("services: " + "[" * 20_000, "nested too deeply"),
    "deep indentation": _none("\n".join(" " * i + "a:" for i in range(600))),
    "tabs": _none("services:\n\tweb: {build: .}\n", "tabs"),
    "keys twice": _none("services: {web: {build: .}, web: {image: x}}", "remove one of the two"),
    "a list as a key": _none("services: {? [a, b] : {build: .}}", "key"),
    "tags that run code": _none("services: !!python/object/apply:os.system ['touch x']"),
    "several documents": _of(f"---\n{WEB}---\nservices: {{b: {{image: x}}}}\n", "serve"),
    "a byte order mark": _of(b"\xef\xbb\xbf" + WEB.encode(), "serve"),
    "UTF-16": _none(WEB.encode("utf-16"), "UTF-16"),
    "CRLF": _of(WEB.replace("\n", "\r\n").encode(), '"serve", "--port", "{port}"'),
    "Latin-1": _none("services: {web: {build: ., command: servé}}".encode("latin-1"), "not UTF-8"),
    "a missing file by name": Odd(
        words=(*READ, "--from-compose", "no.yml"), code=2, says=("no.yml",)
    ),
    "a folder by name": Odd(
        files={"stack/x": ""}, words=(*READ, "--from-compose", "stack"), code=2, says=("stack",)
    ),
    "an app by name that is missing": Odd(
        files={"compose.yaml": WEB}, words=(*READ, "--app", "wbe"), code=2, says=("wbe", "web")
    ),
    "a file in a folder beside the app": Odd(
        files={
            "deploy/stack.yml": "services: {web: {build: .., command: serve, "
            "environment: {R: 'redis://r'}}}",
        },
        words=(*READ, "--from-compose", "deploy/stack.yml"), says=("serve", "{redis.url}"),
    ),
    "names with spaces and breaks": _of(
        'services: {"a b\\n\\e[31m": {build: ., command: serve, environment: {"A B": x}}}', "serve"
    ),
    "100 servers": _of(
        f"{WEB}    environment:\n"
        + "".join(f"      DB{i}_URL: postgres://db{i}/d\n" for i in range(100)), "too many servers",
    ),
}  # fmt: skip
