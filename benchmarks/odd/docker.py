"""Dockerfiles of every shape."""

from __future__ import annotations

from odd.folder import Odd


def _of(text: str | bytes, *says: str, never: tuple[str, ...] = ()) -> Odd:
    return Odd(files={"Dockerfile": text}, says=says, never=never)


def _none(text: str | bytes, *says: str) -> Odd:
    return Odd(files={"Dockerfile": text}, code=2, says=("init.no_command", *says))


FOLDERS: dict[str, Odd] = {
    "ONBUILD": _of("FROM x\nONBUILD CMD never\nCMD serve\n", 'command = ["serve"]'),
    "a heredoc with instructions": _of(
        "FROM x\nRUN <<EOF\nCMD never\nEOF\nCOPY <<-'END' /run.sh\nCMD never\nEND\nCMD serve\n",
        'command = ["serve"]',
    ),
    "a heredoc without an end": _none("FROM x\nRUN <<EOF\nCMD never\n"),
    "ARG in FROM": _of(
        "ARG TAG=16\nFROM --platform=$P node:${TAG:-20} AS a\nARG V\nCMD node a.js\n", '"node"'
    ),
    "a stage that is the base of the last": _of(
        "FROM node AS base\nENV REDIS_URL=redis://r\nCMD node a.js\nFROM base\nRUN x\n",
        '"node", "a.js"', "{redis.url}",
    ),
    "several CMD": _of("FROM x\nCMD one\nCMD two\n", 'command = ["two"]'),
    "an ENTRYPOINT after CMD": _none("FROM x\nCMD one\nENTRYPOINT []\n"),
    "a shell ENTRYPOINT before CMD": _of(
        "FROM x\nENTRYPOINT exec serve\nCMD [\"never\"]\n", 'command = ["serve"]'
    ),
    "a shell line with pipes": _of(
        "FROM x\nCMD migrate && serve --port ${PORT:-80} | tee log\n",
        '"sh", "-c"', "${{PORT:-80}}",
    ),
    "exec with a variable": _of("FROM x\nCMD exec gunicorn --bind :$PORT a:b\n", "exec gunicorn"),
    "broken JSON": _none('FROM x\nCMD ["a", \'b\']\n', "CMD is not valid JSON"),
    "JSON of numbers": _none("FROM x\nENTRYPOINT [1, 2]\n", "ENTRYPOINT is not valid JSON"),
    "100,000 brackets": _none(f"FROM x\nCMD {'[' * 100_000}\n", "not valid JSON"),
    "tini": _of(
        'FROM x\nENTRYPOINT ["/usr/bin/tini", "-g", "--"]\nCMD ["node", "a.js"]\n',
        'command = ["node", "a.js"]',
    ),
    "a script as the entrypoint": _of(
        'FROM x\nENTRYPOINT ["/docker-entrypoint.sh"]\nCMD ["node", "a.js"]\n',
        'command = ["node", "a.js"]',
    ),
    "paths in WORKDIR": _of(
        'FROM x\nWORKDIR /app\nCMD ["/app/bin/serve", "/app/a.toml"]\n', '"./bin/serve", "a.toml"'
    ),
    "a health check": _of(
        "FROM x\nHEALTHCHECK --interval=5s CMD wget -qO- localhost:8000/healthy || exit 1\nCMD a\n",
        'path = "/healthy"',
    ),
    "ENV of both forms": _of(
        "FROM x\nENV DB_HOST db\nENV DB_PORT=5432 HOST=\"::1\" PORT=80\nEXPOSE $PORT 9/udp\n"
        "CMD serve\n",
        'DB_HOST = "{postgres.host}"', 'PORT = "{port}"',
    ),
    "a database of the build alone": _of(
        "FROM x\nARG DATABASE_URL=postgres://build/d\nCMD serve\n", 'command = ["serve"]',
        never=("postgres",),
    ),
    "lower case, CRLF and a byte order mark": _of(
        b"\xef\xbb\xbffrom x\r\ncmd serve \\\r\n # why\r\n --fast\r\n", '"serve", "--fast"'
    ),
    "a folded line without an end": _of("FROM x\nCMD serve\nENV \\\n", "serve"),
    "900,000 blanks in a line": _of("FROM x\nCMD a" + " " * 900_000 + "b\n", '"a", "b"'),
    "200,000 lines": _none("RUN x\n" * 170_000 + "CMD late\n"),
    "a binary": _none(bytes(range(256)) * 99, "not read"),
    "NUL in the command": _none("FROM x\nCMD [\"a\\u0000b\"]\n"),
    "control characters": _of("FROM x\nCMD serve \x1b[31m\x07 \u202e\n", "serve"),
    "Containerfile": Odd(files={"Containerfile": "FROM x\nCMD serve"}, says=("serve",)),
    "a Dockerfile by Compose": Odd(
        files={
            "compose.yaml": "services: {web: {build: {dockerfile: d/Dev, target: dev}}}",
            "d/Dev": "FROM x AS dev\nCMD dev\nFROM dev AS prod\nCMD prod\n",
        },
        says=('command = ["dev"]',),
    ),
    "a Dockerfile outside": Odd(
        files={
            "compose.yaml": "services: {web: {build: {context: ., dockerfile: ../../etc/passwd}}}",
            "Procfile": "web: serve",
        },
        says=('command = ["serve"]',),
    ),
}  # fmt: skip
