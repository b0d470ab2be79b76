"""Nobody waits for an answer longer than they said, and nobody asks twice at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from waiting import wait_until

from sendopt import liveness as liveness_module
from sendopt.liveness import Liveness

SHORT, LONG = timedelta(milliseconds=20), timedelta(seconds=30)


class Remote:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Event()
        self.failure: Exception | None = None

    def __call__(self) -> None:
        self.asked += 1
        self.answers.wait()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def remote() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.answers.set()


def test_a_silent_part_is_asked_once_however_many_wait(remote: Remote) -> None:
    liveness = Liveness(remote)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            liveness.check(SHORT)
    assert remote.asked == 1


def test_a_part_that_comes_back_is_alive_again(remote: Remote) -> None:
    liveness = Liveness(remote)
    with pytest.raises(TimeoutError):
        liveness.check(SHORT)
    remote.answers.set()
    liveness.check(LONG)
    liveness.check(LONG)
    assert remote.asked >= 2


def test_what_went_wrong_is_raised_to_the_asker_and_forgotten(remote: Remote) -> None:
    liveness = Liveness(remote)
    remote.answers.set()
    remote.failure = ConnectionError("refused")
    with pytest.raises(ConnectionError, match="refused"):
        liveness.check(LONG)
    remote.failure = None
    liveness.check(LONG)


def test_a_question_that_stays_open_is_asked_anew_over_new_connections(
    monkeypatch: pytest.MonkeyPatch, remote: Remote
) -> None:
    monkeypatch.setattr(liveness_module, "ANEW_AFTER", timedelta(0))
    renewed = threading.Event()
    question = Liveness(lambda: None if renewed.is_set() else remote(), renew=renewed.set)
    with pytest.raises(TimeoutError):
        question.check(SHORT)
    question.check(LONG)
    assert renewed.is_set()


def test_few_questions_are_left_open_however_often_a_silent_part_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch, remote: Remote
) -> None:
    monkeypatch.setattr(liveness_module, "ANEW_AFTER", timedelta(0))
    liveness = Liveness(remote, renew=lambda: None)
    for _ in range(3 * liveness_module.MOST_LEFT_OPEN):
        with pytest.raises(TimeoutError):
            liveness.check(SHORT)
    wait_until(lambda: remote.asked > liveness_module.MOST_LEFT_OPEN, "the last to be asked")
    assert remote.asked == liveness_module.MOST_LEFT_OPEN + 1
