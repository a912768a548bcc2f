"""The engine's event loop and the selector under it: data sockets direct, timers exact.

Two things asyncio's own selector cannot do matter here. It rounds every wait up to a whole
millisecond, which would be the largest error of a latency toxic; and it hands each readable
socket to the loop as a queued callback, which costs more than the relaying itself. So the data
path's sockets and timers are served inside of `select`, which goes back to asyncio only when
asyncio has something to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import select
import selectors
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, TypeVarTuple

from chaoslab.clock import now_s
from chaoslab.engine.timers import Timers

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
TROUBLE = select.EPOLLERR | select.EPOLLHUP

# select() can only watch descriptors below this number; the epoll descriptor is made first.
_FD_SETSIZE = 1024
_BATCH = 128
# epoll rounds up to whole milliseconds, select() is exact and costs a system call more. A longer
# wait is begun with epoll, and ended so much early that rounding cannot make it late.
_LONG_S = 0.004
_EARLY_S = 0.002

Ts = TypeVarTuple("Ts")
Handler = Callable[[int], None]


class Poller(selectors.BaseSelector):
    """An epoll selector for asyncio that serves data sockets and timers inside `select`.

    `watch`, `change`, `forget` and `timers` are for the data path; the rest is asyncio's protocol.
    A handler gets the event mask. It may watch and forget any descriptor, its own included.
    """

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._handlers: dict[int, Handler] = {}
        self._on_bug = on_bug
        self._called = False
        self.timers = Timers(on_bug)

    def watch(self, fd: int, mask: int, handler: Handler) -> None:
        """Call `handler(events)` whenever `fd` is ready for something in `mask` or in trouble."""
        self._epoll.register(fd, mask)
        self._handlers[fd] = handler

    def change(self, fd: int, mask: int, handler: Handler) -> None:
        """Watch the already watched `fd` for something else; `mask` may not be empty."""
        self._epoll.modify(fd, mask)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Stop watching `fd`; must come before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def asyncio_called(self) -> None:
        """Asyncio was given a call to make: `select` returns as soon as it can."""
        self._called = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the data path until asyncio has events, calls or a timer to see to.

        A flood of data keeps nothing waiting: asyncio's descriptors stand in the same queue, and
        both kinds of timers are looked at after each batch.
        """
        asyncs: list[tuple[selectors.SelectorKey, int]] = []
        handlers, timers = self._handlers, self.timers
        self._called = False
        now = now_s()
        until_s = math.inf if timeout is None else now + timeout
        while True:
            next_s = timers.next_s
            for fd, mask in self._wait((until_s if until_s < next_s else next_s) - now):
                handler = handlers.get(fd)
                if handler is None:
                    self._add_async(asyncs, fd, mask)
                    continue
                try:
                    handler(mask)
                except Exception as bug:  # one connection's bug must not stop the network
                    self._on_bug(bug)
            now = now_s()
            if timers.next_s <= now:
                timers.run(now)
                now = now_s()
            if asyncs or self._called or now >= until_s:
                return asyncs

    def _add_async(
        self, asyncs: list[tuple[selectors.SelectorKey, int]], fd: int, mask: int
    ) -> None:
        key = self._keys.get(fd)
        if key is not None:
            ready = (mask & ~READ and selectors.EVENT_WRITE) | (
                mask & ~WRITE and selectors.EVENT_READ
            )
            asyncs.append((key, ready & key.events))

    def _wait(self, left_s: float) -> list[tuple[int, int]]:
        """What is ready, at once or within `left_s`; may come back early with nothing."""
        if left_s > _LONG_S:
            return self._epoll.poll(None if left_s == math.inf else left_s - _EARLY_S, _BATCH)
        if left_s > 0:
            if self._epoll.fileno() >= _FD_SETSIZE:
                return self._epoll.poll(left_s, _BATCH)
            select.select((self._epoll,), (), (), left_s)
        return self._epoll.poll(0, _BATCH)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """Asyncio's own descriptors; as `selectors.BaseSelector` says."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._epoll.register(fd, _epoll_mask(events))
        self._keys[fd] = key
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """As `selectors.BaseSelector` says."""
        old = self.get_key(fileobj)
        key = old._replace(events=events, data=data)
        if events != old.events:
            self._epoll.modify(old.fd, _epoll_mask(events))
        self._keys[old.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """As `selectors.BaseSelector` says."""
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        with contextlib.suppress(OSError):  # it may be closed already
            self._epoll.unregister(key.fd)
        return key

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """The key of a registered descriptor, KeyError otherwise."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        try:
            return self._keys[fd]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Asyncio's own descriptors."""
        return dict(self._keys.items())

    def close(self) -> None:
        """Close the epoll descriptor; nothing is watched any more."""
        self._epoll.close()
        self._keys.clear()
        self._handlers.clear()


class Loop(asyncio.SelectorEventLoop):
    """Asyncio's loop over a poller, which it notifies of every scheduled call.

    Calls of other threads need no such notice: they write to a descriptor of asyncio's.
    """

    def __init__(self, poller: Poller) -> None:
        super().__init__(poller)
        self._poller = poller

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio has it."""
        self._poller.asyncio_called()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio has it; `call_later` comes through here too."""
        self._poller.asyncio_called()
        return super().call_at(when, callback, *args, context=context)


def _epoll_mask(events: int) -> int:
    mask = 0
    if events & selectors.EVENT_READ:
        mask |= READ
    if events & selectors.EVENT_WRITE:
        mask |= WRITE
    return mask
