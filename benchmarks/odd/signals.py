"""Ctrl-C and other signals at odd moments of `init`, and a kill: nothing may be left."""

from __future__ import annotations

from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

from odd.ends import SERVE
from odd.folder import RUNS, Odd

FILES = {
    "app.py": f"{SERVE}\nserve()",
    ".env": "DATABASE_URL=postgresql://u:p@db/d\nREDIS_URL=redis://r\n",
}
STUBBORN = {
    **FILES,
    "app.py": f"{SERVE}\nimport signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
    "if not os.fork(): os.setsid()\nserve()",
}
STARTING, ANSWERS, BOOT = "starting", "answers on port", "boot 2"
STOPPED = ("everything was stopped",)


def _at(*moments: tuple[str, int], files: dict[str, str] = FILES) -> Odd:
    killed = moments[-1][1] == SIGKILL
    # A second one may come when Python ends, and has no handler any more.
    more = tuple(-number for _, number in moments[1:])
    return Odd(
        files=files, words=RUNS, signals=moments, code=-SIGKILL if killed else (1, *more),
        says=() if killed or len(moments) > 1 else STOPPED, intact={"chaoslab.toml": None},
    )  # fmt: skip


FOLDERS: dict[str, Odd] = {
    "Ctrl-C while it starts": _at((STARTING, SIGINT)),
    "Ctrl-C once it answers": _at((ANSWERS, SIGINT)),
    "Ctrl-C at a later boot": _at((BOOT, SIGINT)),
    "Ctrl-C twice": _at((STARTING, SIGINT), (STARTING, SIGINT)),
    "Ctrl-C five times": _at(*[(ANSWERS, SIGINT)] * 5),
    "Ctrl-C, and an app that ignores it": _at((ANSWERS, SIGINT), files=STUBBORN),
    "SIGTERM while it starts": _at((STARTING, SIGTERM)),
    "SIGTERM once it answers": _at((ANSWERS, SIGTERM)),
    "SIGTERM, then Ctrl-C": _at((ANSWERS, SIGTERM), (ANSWERS, SIGINT)),
    "SIGTERM, and an app that ignores it": _at((BOOT, SIGTERM), files=STUBBORN),
    "the terminal closes": _at((ANSWERS, SIGHUP)),
    "in the background of a shell": Odd(
        files=FILES, words=RUNS, signals=((ANSWERS, SIGINT),), code=1, says=STOPPED,
        shell="trap '' INT; exec {init}",
    ),
    "SIGKILL while it starts": _at((STARTING, SIGKILL)),
    "SIGKILL once it answers": _at((ANSWERS, SIGKILL)),
    "SIGKILL, and an app that ignores signals": _at((ANSWERS, SIGKILL), files=STUBBORN),
    # Python itself ends by SIGINT if that came in a text that it executes, as of a dataclass.
    "Ctrl-C as it proposes": Odd(
        files=FILES, words=RUNS, signals=(("service postgres", SIGINT),), code=(1, -SIGINT),
        says=("Aborted",), intact={"chaoslab.toml": None},
    ),
    "SIGTERM as it proposes": Odd(
        files=FILES, words=RUNS, signals=(("service postgres", SIGTERM),), code=(1, -SIGTERM),
        intact={"chaoslab.toml": None},
    ),
}  # fmt: skip
