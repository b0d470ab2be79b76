"""Keep copies of a home: to a folder or an S3-compatible store, and back into a new home.

Owns: the manifest, where files of a backup stand, what is copied again and what is not, checking,
pruning.
Does not own: what a home consists of and at which moment it is read (app), what the stores hold
(state, log).
In: the files of a home and what is told of them.  Out: a manifest, or a folder of files.
Time: instants of a manifest are UTC.

    DEST/files/SHA256          each content once, whatever it was called
    DEST/backups/ID.json       a manifest; a backup is one from the moment on that it is there
"""
