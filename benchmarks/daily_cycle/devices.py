"""Registers a device of every user of a planted log, so that a campaign reaches them.

python devices.py HOME EVENTS.parquet
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import duckdb

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.records import Channel, Device, DeviceId, UserId
from sendopt.settings import load_settings
from sendopt.state import devices

_AT_ONCE = 10_000  # of a transaction


def main() -> None:
    home, events = Path(sys.argv[1]), sys.argv[2]
    ask = "select distinct user_id from read_parquet(?) order by user_id"
    users = [user for (user,) in duckdb.execute(ask, [events]).fetchall()]
    with closing(open_app(load_settings(home))) as app:
        now = app.clock.now()
        for first in range(0, len(users), _AT_ONCE):
            with app.state.write(DEFAULT_TENANT) as tx:
                for user in users[first : first + _AT_ONCE]:
                    device = Device(DeviceId(user), UserId(user), Channel.SIMULATOR, {})
                    devices.register(tx, device, now=now)


if __name__ == "__main__":
    main()
