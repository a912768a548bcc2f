"""The engine's event loop, and its selector, which also serves data sockets and exact timers.

Asyncio's own selector has two disadvantages. It rounds every wait up to a whole millisecond, which
would be the largest error of a latency toxic. It queues a callback for each readable socket, which
takes more time than to relay the bytes. So `select` itself serves the sockets and timers of the
data path, and returns to asyncio only if asyncio has something to do.
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
# The peer has sent a FIN, or an RST. Unread bytes are no event.
PEER_ENDED = select.EPOLLRDHUP

# select() can only watch descriptors below this number. The epoll descriptor is made early, so its
# number is small.
_FD_SETSIZE = 1024
_BATCH = 128
# epoll rounds up to whole milliseconds; select() is exact but is one more system call. So a long
# wait uses epoll and ends early by this time, and select() waits for the rest.
_LONG_S = 0.004
_EARLY_S = 0.002

Ts = TypeVarTuple("Ts")
Handler = Callable[[int], None]


class Poller(selectors.BaseSelector):
    """An epoll selector for asyncio that serves data sockets and timers inside `select`.

    `watch`, `change`, `forget` and `timers` are for the data path; the other methods are those that
    asyncio needs. A handler gets the event mask. It may watch and forget any descriptor.
    """

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._handlers: dict[int, Handler] = {}
        self._on_bug = on_bug
        self._called = False
        self.timers = Timers(on_bug)

    def watch(self, fd: int, mask: int, handler: Handler) -> None:
        """Call `handler(events)` whenever `fd` has an event in `mask`, or an error."""
        self._epoll.register(fd, mask)
        self._handlers[fd] = handler

    def change(self, fd: int, mask: int, handler: Handler) -> None:
        """Change the mask and the handler of a watched `fd`; `mask` may not be empty."""
        self._epoll.modify(fd, mask)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Stop watching `fd`. Call this before `fd` is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def asyncio_called(self) -> None:
        """Remember that a call was scheduled in asyncio's loop, so that `select` returns as soon as
        possible.
        """
        self._called = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the data path until asyncio has something to do, or for `timeout` seconds. Returns
        the events of asyncio's descriptors.

        Much data does not delay asyncio: epoll returns its descriptors in turn with the others, and
        all timers are checked after each batch.
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
                except Exception as bug:  # a bug in one connection must not stop the others
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
        """The (descriptor, event mask) pairs that are ready within `left_s` seconds. It may return
        earlier, with an empty list.
        """
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
        """Register a descriptor of asyncio; see `selectors.BaseSelector`."""
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
        """Change events and data of a descriptor of asyncio; see `selectors.BaseSelector`."""
        old = self.get_key(fileobj)
        key = old._replace(events=events, data=data)
        if events != old.events:
            self._epoll.modify(old.fd, _epoll_mask(events))
        self._keys[old.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Unregister a descriptor of asyncio; see `selectors.BaseSelector`."""
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        with contextlib.suppress(OSError):  # it may be closed already
            self._epoll.unregister(key.fd)
        return key

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """The key of a registered descriptor. Raises KeyError for any other."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        try:
            return self._keys[fd]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Maps each of asyncio's descriptors to its key."""
        return dict(self._keys.items())

    def close(self) -> None:
        """Close the epoll descriptor and stop watching all descriptors."""
        self._epoll.close()
        self._keys.clear()
        self._handlers.clear()


class Loop(asyncio.SelectorEventLoop):
    """Asyncio's loop with a `Poller`; it tells the poller of every call that is scheduled.

    Calls from other threads do not need that: they write to a descriptor that asyncio watches.
    """

    def __init__(self, poller: Poller) -> None:
        super().__init__(poller)
        self._poller = poller

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Does what `asyncio.loop.call_soon` does, and tells the poller of the call."""
        self._poller.asyncio_called()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Does what `asyncio.loop.call_at` does, and tells the poller of the call."""
        self._poller.asyncio_called()
        return super().call_at(when, callback, *args, context=context)


def _epoll_mask(events: int) -> int:
    mask = 0
    if events & selectors.EVENT_READ:
        mask |= READ
    if events & selectors.EVENT_WRITE:
        mask |= WRITE
    return mask
