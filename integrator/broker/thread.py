"""A thread with one link: connect, serve, and connect again with back-off when it breaks."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from integrator.broker.link import BrokerRefused, BrokerUnavailable, Link, LinkMaker
from integrator.telemetry import log

_LOG = log.get("broker")
_TICK_SECONDS = 1.0
_FIRST_DELAY_SECONDS = 0.1
_STEADY_SECONDS = 5.0  # a connection that lived so long starts the back-off anew


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether a link is up; `reason` says why not, `refused` that a person has to act."""

    up: bool
    reason: str | None = None
    refused: bool = False


class Waker:
    """Ends a wait from another thread; many calls before the thread woke cost one write."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._called = False

    def wake(self) -> None:
        """End the current wait, or the next one at once. Any thread may call it, at any time."""
        if self._called:
            return
        self._called = True
        with suppress(OSError):  # closed: nobody waits any more
            self._sender.send(b"w")

    def wait(self, fileno: int | None, seconds: float) -> None:
        """Return when woken, when `fileno` is readable, or after `seconds`."""
        poll = select.poll()
        poll.register(self._receiver, select.POLLIN)
        if fileno is not None:
            poll.register(fileno, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1_000)
        # Read, then clear: who calls in between is heard, because its work is done after this
        # returns. The other way round its byte could be read and its mark left, and the next
        # call would be lost.
        with suppress(BlockingIOError):
            self._receiver.recv(64)
        self._called = False

    def close(self) -> None:
        """Release both sockets; `wake` does nothing from now on."""
        self._receiver.close()
        self._sender.close()


class LinkThread:
    """The loop both sides share. Subclasses do their work in `_connected`, `_step` and `_lost`."""

    def __init__(
        self,
        name: str,
        make_link: LinkMaker,
        on_state: Callable[[LinkState], None],
        reconnect_seconds: float,
    ) -> None:
        self._make_link, self._on_state = make_link, on_state
        self._reconnect_seconds = reconnect_seconds
        self._waker = Waker()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"integrator-{name}", daemon=True)
        self.name = name

    def start(self) -> None:
        """Start the thread; `on_state` is called from it with the first outcome and each change."""
        self._thread.start()

    def wake(self) -> None:
        """Have the thread look at its work now."""
        self._waker.wake()

    def finish(self) -> None:
        """Tell the thread to end; it flushes what `_done` waits for."""
        self._stopping = True
        self.wake()

    def join(self, seconds: float) -> bool:
        """Wait for the thread; False where it did not end (it is a daemon and holds nothing up)."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        ended = not self._thread.is_alive()
        if ended:
            self._waker.close()
        return ended

    # --- what subclasses do ---

    def _connected(self, link: Link) -> None:
        """A new link is open: declare, ask for confirms or messages."""
        raise NotImplementedError

    def _step(self, link: Link) -> float:
        """One round of work; returns the seconds until the next without anything happening."""
        raise NotImplementedError

    def _lost(self) -> None:
        """The link is closed, or there is none: answer whoever waits. Called at each wake while down."""
        raise NotImplementedError

    def _done(self) -> bool:
        """True when a thread told to end may do so."""
        raise NotImplementedError

    # --- the loop ---

    def _run(self) -> None:
        delay = _FIRST_DELAY_SECONDS
        while not self._stopping:
            opened = time.monotonic()
            state = self._connection()
            self._lost()
            if self._stopping:
                return
            if time.monotonic() - opened > _STEADY_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            self._on_state(state)
            self._pause(delay)
            delay = min(delay * 2, self._reconnect_seconds)

    def _connection(self) -> LinkState:
        """Open a link and serve it until it breaks or the thread is told to end."""
        link = self._make_link(self.wake)
        broken = True
        try:
            link.open()
            self._connected(link)
            self._on_state(LinkState(up=True))
            self._serve(link)
            broken = False
        except BrokerRefused as error:
            return LinkState(up=False, reason=str(error), refused=True)
        except BrokerUnavailable as error:
            return LinkState(up=False, reason=str(error))
        except Exception as error:  # whatever a library throws, the thread must live and say so
            _LOG.error("broker-thread-failed", thread=self.name, exc_info=error)
            return LinkState(up=False, reason=f"{type(error).__name__} in the broker's client")
        finally:
            _close(link, broken)
        return LinkState(up=False, reason="stopped")

    def _serve(self, link: Link) -> None:
        ticked = time.monotonic()
        while True:
            seconds = self._step(link)
            if self._stopping and self._done():
                return
            if time.monotonic() - ticked >= _TICK_SECONDS:
                ticked = time.monotonic()
                link.tick()
            self._waker.wait(link.fileno(), min(seconds, _TICK_SECONDS))

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._stopping and (left := end - time.monotonic()) > 0:
            self._waker.wait(None, left)
            self._lost()


def _close(link: Link, broken: bool) -> None:
    try:
        link.close(broken=broken)
    except Exception as error:  # a link that is broken may fail in any way when it is closed
        _LOG.warning("broker-close-failed", exc_info=error)
