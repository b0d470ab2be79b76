-- Snapshots that somebody relies on. A name never moves.
create table named_snapshot (
    name     varchar not null,
    snapshot bigint  not null
);
