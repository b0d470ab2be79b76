"""Let the N-th call to the disk fail, N = 1, 2, 3 ..., and lose power after it.

After a failed sync nothing may be acknowledged as if it had succeeded: what the sync should have
kept is gone from the journal, also where a later one succeeds.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from faults import commands
from faults.history import Bench, History, history
from faults.power_losses import PowerLoss
from faults.shim import Action, Calls, Shim
from faults.tally import Tally

_ERRORS = (
    (Calls.SYNC, Action.FAIL, errno.EIO),
    (Calls.WRITE, Action.FAIL, errno.ENOSPC),
    (Calls.WRITE, Action.SHORT, 0),
    (Calls.WRITE, Action.FAIL, errno.EIO),
    (Calls.TRUNCATE, Action.FAIL, errno.ENOSPC),
    (Calls.WRITE, Action.FAIL, errno.EDQUOT),
    (Calls.OPEN, Action.FAIL, errno.EROFS),
    (Calls.NAME, Action.FAIL, errno.EROFS),
)
#: How the parts of a service are divided over processes; histories take turns.
_DIVISIONS = (("run",), ("serve", "dispatch", "append"))
_COMMANDS = (commands.ingest, commands.plan)
_MOST_STEPS = 100
_GOLDEN_RATIO = 0.6180339887  # its multiples, without their integers, lie evenly in [0, 1)


def fail_service(bench: Bench, seed: int, faults: int) -> Tally:
    """Let one call after the other fail in a service under load."""
    parts = _DIVISIONS[seed % len(_DIVISIONS)]
    with history(bench, seed, journal=True) as now:
        outage = PowerLoss(now)
        now.deployment.keep_up(*parts)
        now.deployment.wait_until_ready()
        with now.health_asked():
            for number in range(faults):
                kinds, action, error = _ERRORS[number % len(_ERRORS)]
                nth = 1 + seed // len(_DIVISIONS) % 100 * faults + number
                now.shim.befall(kinds, action, at=nth, error=error)
                for _step in range(_MOST_STEPS):
                    now.clients.step()
                    if now.deployment.restart_ended() or now.shim.has_struck:
                        break
                now.note_recovery(starts_only=True)
        return _conclude(now, outage)


def fail_commands(bench: Bench, seed: int, faults: int) -> Tally:
    """Let one call after the other fail in a command, spread over all that it makes.

    Repeated, it does what it was asked.
    """
    command = _COMMANDS[seed % len(_COMMANDS)]
    with history(bench, seed, journal=True) as now:
        outage = PowerLoss(now)
        for _fault in failing(now.shim, lambda: command(now), seed=seed, faults=faults):
            asked = command(now)
            now.note_fault()
            if not asked.is_acknowledged:
                now.tally.indeterminate += 1
                now.tally.recovered += commands.run(now, asked).is_acknowledged
        now.deployment.keep_up("run")
        return _conclude(now, outage)


def failing(shim: Shim, work: Callable[[], object], *, seed: int, faults: int) -> Iterator[int]:
    """Do `work` unharmed; then arm one fault after the other, spread over the calls it made."""
    before = shim.seen()
    work()
    calls = {kind: count - before[kind] for kind, count in shim.seen().items()}
    errors = [error for error in _ERRORS if calls[error[0]]]
    for number in range(faults):
        kinds, action, error = errors[number % len(errors)]
        place = (seed % 100 * faults + number) * _GOLDEN_RATIO % 1
        shim.befall(kinds, action, at=1 + int(calls[kinds] * place), error=error)
        yield number


def _conclude(now: History, outage: PowerLoss) -> Tally:
    """Judge what the processes hold to be there, and what is there after a power loss."""
    now.recover()
    kept = outage.at(now.shim.progress(), np.random.default_rng(now.shim.progress()))
    return now.conclude() + replace(kept, faults=0)
