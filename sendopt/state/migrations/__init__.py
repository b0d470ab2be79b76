"""Forward-only changes of the tables, one file a release, run by `sendopt.state.migrate`.

A change of `tables.py` comes with a file `versions/NNNN_what_it_does.py` whose `down_revision` is
the newest before it and whose `upgrade` brings the tables there. A file that has been released
is never edited; it names its own column types, so that later code cannot change the past.
"""
