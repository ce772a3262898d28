"""The waker, and a thread whose link fails in ways nobody foresaw."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from integrator.broker.link import BrokerUnavailable, Link
from integrator.broker.thread import LinkState, LinkThread, Waker


def test_a_wake_ends_the_wait_even_when_it_came_before() -> None:
    waker = Waker()
    for _ in range(3):
        waker.wake()
    begun = time.monotonic()
    waker.wait(None, 5.0)
    waker.wake()
    waker.wait(None, 5.0)
    assert time.monotonic() - begun < 1.0
    waker.close()


def test_no_wake_is_lost_between_two_threads() -> None:
    waker, done, heard = Waker(), threading.Event(), 0
    wanted = 0

    def listen() -> None:
        nonlocal heard
        while not done.is_set():
            waker.wait(None, 30.0)
            heard = wanted

    listener = threading.Thread(target=listen)
    listener.start()
    deadline = time.monotonic() + 20
    for number in range(1, 3_000):
        wanted = number
        waker.wake()
        while heard != number:
            assert time.monotonic() < deadline, "a wake was lost"
    done.set()
    waker.wake()
    listener.join(5)
    waker.close()
    waker.wake()  # nobody waits any more


def test_what_arrives_ends_the_wait() -> None:
    near, far = socket.socketpair()
    waker = Waker()
    far.send(b"x")
    begun = time.monotonic()
    waker.wait(near.fileno(), 5.0)
    assert time.monotonic() - begun < 1.0
    for each in (near, far):
        each.close()
    waker.close()


class FailingLink:
    """Fails at the named moment."""

    blocked = False

    def __init__(self, moment: str, error: Exception) -> None:
        self.moment, self.error, self.closed = moment, error, []

    def _at(self, moment: str) -> None:
        if moment == self.moment:
            raise self.error

    def open(self) -> None:
        self._at("open")

    def fileno(self) -> None:
        return None

    def tick(self) -> None:
        pass

    def close(self, *, broken: bool = False) -> None:
        self.closed.append(broken)
        self._at("close")


class Idle(LinkThread):
    """Does nothing but what the loop does by itself."""

    moment = ""

    def _connected(self, link: Link) -> None:
        link._at("connected")  # type: ignore[attr-defined]

    def _step(self, link: Link) -> float:
        link._at("step")  # type: ignore[attr-defined]
        return 60.0

    def _lost(self) -> None:
        pass

    def _done(self) -> bool:
        return True


@pytest.mark.parametrize("moment", ["open", "connected", "step", "close"])
@pytest.mark.parametrize("error", [BrokerUnavailable("gone"), KeyError("85073003328")], ids=["known", "new"])
def test_whatever_fails_the_thread_lives_and_tries_again(
    moment: str, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    links = [FailingLink(moment, error), FailingLink("", error)]
    made: list[FailingLink] = []
    states: list[LinkState] = []
    up_again = threading.Event()

    def make_link(_wake: object) -> FailingLink:
        made.append(links[len(made)])
        return made[-1]

    def on_state(state: LinkState) -> None:
        states.append(state)
        if state.up and len(made) == 2:
            up_again.set()

    thread = Idle("test", make_link, on_state, 0.01)  # type: ignore[arg-type]
    if moment == "close":
        links[0].moment, thread._step = "step-and-close", _broken_step  # type: ignore[method-assign]
        links[0]._at = _raise(error)  # type: ignore[method-assign]
    thread.start()
    assert up_again.wait(10)
    thread.finish()
    assert thread.join(10)
    assert [state.up for state in states][-2:] == [False, True]
    assert made[0].closed == [True]
    assert made[1].closed == [False]
    assert "85073003328" not in capsys.readouterr().err + str(states)


def _broken_step(link: FailingLink) -> float:
    if link.moment:
        raise BrokerUnavailable("gone")
    return 60.0


def _raise(error: Exception) -> object:
    def at(moment: str) -> None:
        if moment == "close":
            raise error

    return at
