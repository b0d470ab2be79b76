"""Waits for libcurl's sockets, however many files the process has open.

libcurl's own waiting, as pycurl offers it, is select(2), which does not see a file whose number is
1,024 or more: a service with that many connections would wait for answers that have long come.
"""

from __future__ import annotations

import selectors
from typing import Any

import pycurl

from sendopt.clock import monotonic

_EVENTS = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


class Sockets:
    """The sockets and the timer of one multi handle (curl.se/libcurl/c/libcurl-multi.html)."""

    def __init__(self, multi: Any) -> None:
        self._multi = multi
        self._selector = selectors.DefaultSelector()
        self._timer_at: float | None = None  # by the monotonic clock; None = none is set
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def turn(self, *, at_most: float) -> None:
        """Wait until something arrives or the timer rings, and let libcurl act on it.

        Args:
            at_most: seconds to wait.
        """
        for key, events in self._selector.select(min(at_most, self._seconds_to_timer(at_most))):
            readable = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
            writable = pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            self._multi.socket_action(key.fd, readable | writable)
        if self._seconds_to_timer(at_most) <= 0:
            self._timer_at = None  # libcurl sets the next one while it acts
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def close(self) -> None:
        """Watch nothing any more; the multi handle is closed before."""
        self._selector.close()

    def _seconds_to_timer(self, otherwise: float) -> float:
        return otherwise if self._timer_at is None else max(0.0, self._timer_at - monotonic())

    def _watch(self, what: int, descriptor: int, _multi: Any, _assigned: Any) -> None:
        known = descriptor in self._selector.get_map()
        if what == pycurl.POLL_REMOVE:
            if known:
                self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, _EVENTS[what])
        else:
            self._selector.register(descriptor, _EVENTS[what])

    def _set_timer(self, milliseconds: int) -> None:
        self._timer_at = None if milliseconds < 0 else monotonic() + milliseconds / 1000
