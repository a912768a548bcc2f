"""Files that name commands: Procfile, package.json, pyproject.toml, go.mod, and code."""

from __future__ import annotations

from odd.folder import READ, Odd

NO_COMMAND = "init.no_command"


def _of(file: str, text: str | bytes, *says: str) -> Odd:
    return Odd(files={file: text}, says=says)


def _none(file: str, text: str | bytes, *says: str) -> Odd:
    return Odd(files={file: text}, code=2, says=(NO_COMMAND, *says))


def _start(line: str, *says: str) -> Odd:
    return _of("package.json", f'{{"scripts": {{"start": "{line}"}}}}', *says)


FOLDERS: dict[str, Odd] = {
    "Procfile: several, with a release": _of(
        "Procfile", "release: ./migrate\nworker: ./work\nweb: ./serve --port $PORT\n",
        'command = ["sh", "-c", "./serve --port $PORT"]', 'prepare = [["./migrate"]]',
    ),
    "Procfile: no web": _of("Procfile", "release: m\nclock: c\napi: ./serve\n", '["./serve"]'),
    "Procfile: empty": _none("Procfile", ""),
    "Procfile: only comments": _none("Procfile", "# web: x\n\n#\n"),
    "Procfile: an open quote": _of("Procfile", "web: serve 'a\n", '"sh", "-c"'),
    "Procfile: exec": _of("Procfile", "web: exec ./serve --fast\n", '["./serve", "--fast"]'),
    "Procfile: a word of the shell": _of("Procfile", "web: cd app; ./serve\n", '"sh", "-c"'),
    "Procfile: source": _of("Procfile", "web: . ./env\n", '["sh", "-c", ". ./env"]'),
    "Procfile: variables in front": _of(
        "Procfile", "web: PORT=80 REDIS_URL=redis://r ./serve\n", '["./serve"]', 'PORT = "{port}"',
        '"{redis.url}"',
    ),
    "Procfile: twice the same": _of("Procfile", "web: one\nweb: two\n", '["one"]', "two"),
    "Procfile: CRLF and a byte order mark": _of(
        "Procfile", b"\xef\xbb\xbfweb: serve --port 80\r\n", '["serve", "--port", "{port}"]'
    ),
    "Procfile: Procfile.dev": _of("Procfile.dev", "js: x --watch\nweb: ./serve\n", '["./serve"]'),
    "Procfile: nested shells": _of(
        "Procfile", "web: bash -c 'alembic upgrade head && serve --port 8000'\n",
        '"bash", "-c"', "serve --port {port}", '# prepare = [["alembic", "upgrade", "head"]]',
    ),
    "Procfile: 300,000 characters": _of("Procfile", "web: serve " + "x " * 150_000, "serve"),
    "Procfile: 100,000 processes": _none("Procfile", "a b: x\n" * 100_000),
    "package.json: scripts that call scripts": _start("npm run a && npm run x", '"npm", "start"'),
    "package.json: variables in front": _start(
        "NODE_ENV=x PORT=3000 node a.js", '["node", "a.js"]', 'PORT = "{port}"'
    ),
    "package.json: cross-env": _start("cross-env PORT=3000 node a.js", '["node", "a.js"]'),
    "package.json: start calls itself": _start("npm start", '"npm", "start"'),
    "package.json: no start": _of(
        "package.json", '{"scripts": {"test": "x", "dev": "vite"}}', '"npm", "run", "dev"'
    ),
    "package.json: workspaces": _of(
        "package.json", '{"workspaces": ["a"], "scripts": {"start": "turbo start"}}', '"npm"'
    ),
    "package.json: no scripts": Odd(
        files={"package.json": '{"main": "server.js"}', "server.js": ""},
        says=('["node", "server.js"]',),
    ),
    "package.json: comments": _none("package.json", '{"a": 1, // no\n}', "not valid JSON"),
    "package.json: cut short": _none("package.json", '{"scripts": {"start": "no', "not valid JSON"),
    "package.json: 2 MB": _none("package.json", '{"a": "' + "x" * 2_000_000 + '"}', "1 MiB"),
    "package.json: a large number": _none("package.json", "1" * 9_000, "not valid JSON"),
    "package.json: deep": _none("package.json", '{"a":' * 90_000, "not valid JSON"),
    "package.json: a list": _none("package.json", "[1, 2]"),
    "package.json: other types": _none("package.json", '{"scripts": {"start": 1, "dev": []}}'),
    "package.json: half a surrogate pair": _start("node \\ud800 \\u0000", "node"),
    "package.json: UTF-16": _none("package.json", '{"scripts": {}}'.encode("utf-16"), "UTF-16"),
    "pyproject: poetry": _of(
        "pyproject.toml", '[tool.poetry.scripts]\nshop = "shop:main"\n', 'command = ["shop"]'
    ),
    "pyproject: cut short": _none("pyproject.toml", "[project.scripts]\na = ", "not valid TOML"),
    "pyproject: wrong types": _none("pyproject.toml", "project = 1\ntool = [1]\n"),
    "pyproject: odd names": _of(
        "pyproject.toml", '[project.scripts]\n"" = "x"\n"a b\\n" = "x"\n', "command"
    ),
    "pyproject: deep": _none("pyproject.toml", f"a = {'[' * 50_000}", "not valid TOML"),
    "pyproject: of chaoslab": _none("pyproject.toml", "[tool.chaoslab]\nversion = 99\n"),
    "go.mod: cmd": Odd(
        files={"go.mod": "module x", "cmd/shop/main.go": "package main", "cmd/doc.go": ""},
        says=('["go", "run", "./cmd/shop"]',),
    ),
    "go.mod: not text": _none("go.mod", b"\xff\x00"),
    "code: app/main.py": _of(
        "app/main.py", "import fastapi\napp = fastapi.FastAPI()\n", '"app.main:app"', "{port}"
    ),
    "code: in a comment": _none("main.py", "# app = FastAPI()\n'''\n  app = Flask()\n'''\n"),
    "code: Latin-1": _none("main.py", b"# \xe9\napp = Flask(__name__)\n", "not UTF-8"),
    "code: one long line": _none("app.py", "app = [" + "Flask, " * 100_000 + "]"),
    "code: lines that begin alike": _none("main.py", "a: b\n" * 200_000),
    "Procfile: one word of 900,000 characters": _of("Procfile", "web: " + "x" * 900_000, '"sh"'),
    "code: manage.py": _of("manage.py", "", '"{host}:{port}"', '"migrate"'),
    "all files at once": Odd(
        files={
            "compose.yaml": "services: {web: {build: .}}", "Dockerfile": "FROM x\nCMD one\n",
            "Procfile": "web: two", "package.json": '{"scripts": {"start": "three"}}',
            "pyproject.toml": "project.scripts.four = 'x'", "manage.py": "", "go.mod": "",
        },
        says=('command = ["one"]', "Procfile: two", "package.json: npm start", "go run ."),
    ),
    "nothing at all": Odd(code=2, says=(NO_COMMAND, "chaoslab init -- COMMAND")),
    "a command that is empty": Odd(words=(*READ, "--", ""), code=2),
    "a command of one blank": Odd(words=(*READ, "--", " "), code=(0, 2)),
    "a command of only variables": Odd(words=(*READ, "--", "A=1"), code=2, says=(NO_COMMAND,)),
    "a command with braces": Odd(
        words=(*READ, "--", "serve", "{x}", "}{", "{port}"), says=("{{x}}", "{{port}}")
    ),
    "a command of 100,000 words": Odd(words=(*READ, "--", *["x"] * 100_000), says=('"x"',)),
    "a command with line breaks": Odd(
        words=(*READ, "--", "serve", "a\nb\x1b[31m", "\u202e"), says=("serve",)
    ),
    "a service without a kind": Odd(words=(*READ, "--service", "db", "--", "x"), code=2),
    "a service of an unknown kind": Odd(
        words=(*READ, "--service", "db=postgress", "--", "x"), code=2, says=("postgres",)
    ),
    "a service with an odd name": Odd(
        words=(*READ, "--service", "../x=redis", "--", "x"), code=2, says=("NAME=KIND",)
    ),
    "a service with the name of the app": Odd(
        words=(*READ, "--service", "shop=redis", "--", "x"), says=("[apps.app]",)
    ),
    "a path that is none": Odd(words=(*READ, "--health", "healthz", "--", "x"), code=(0, 2)),
}  # fmt: skip
