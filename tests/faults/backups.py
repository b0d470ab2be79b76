"""Let the disk that takes a backup fail, while the service is at work; restore the last one."""

from __future__ import annotations

from collections import Counter

from faults.deployment import Deployment
from faults.history import Bench, History, history
from faults.io_errors import failing
from faults.shim import Shim
from faults.tally import Tally


def fail_backups(bench: Bench, seed: int, faults: int) -> Tally:
    """Let calls of backups fail; what is restored in the end holds everything that was promised.

    A backup that failed goes on where it ended.
    """
    with history(bench, seed) as now:
        place = now.deployment.home.with_suffix(".backups")
        now.deployment.keep_up("run")
        now.deployment.wait_until_ready()
        disk = Shim(bench.library, place)

        def back_up() -> bool:
            return now.deployment.run("backup", str(place), **disk.environment) == 0

        with now.at_work():
            assert back_up(), "nothing was wrong with the disk"
            for _fault in failing(disk, back_up, seed=seed, faults=faults):
                taken = back_up()
                now.tally.faults += disk.has_struck
                disk.heal()
                if not taken:
                    now.tally.indeterminate += 1
                    now.tally.recovered += back_up()
        now.recover()
        assert back_up(), "nothing is wrong with the disk any more"
        return _restored(now, str(place))


def _restored(now: History, place: str) -> Tally:
    """Judge what the newest backup restores, instead of the home that it came from."""
    home = now.deployment.home
    restored = Deployment(home.with_name(f"{home.name}-restored"), {})
    status = restored.run("restore", place)
    assert status == 0, restored.log.read_text()
    delivered = Counter(each.headers["webhook-id"] for each in now.receiver.requests)
    original, now.deployment = now.deployment, restored
    try:
        return now.judge(delivered)
    finally:
        now.deployment = original
        restored.remove()
