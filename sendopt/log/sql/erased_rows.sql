-- Templated: {snapshot} and {row_hash} are expressions. Grain: one row per snapshot that added events of
-- the erased to a file: how many of them go, and by how much what all of them sum up to changes.
with before as (
    select
        {snapshot} as snapshot, user_id as user_id_before, event_id as event_id_before, {row_hash} as row_hash
    from read_parquet({file}, hive_partitioning = false)
    where user_id in (select user_id from erased)
),
after as (
    select user_id_before, event_id_before, {row_hash} as row_hash
    from kept
)
select
    snapshot,
    count(*) filter (after.event_id_before is null) as removed,
    count(*) filter (after.event_id_before is not null) as kept,
    (
        (coalesce(sum(after.row_hash), 0) - sum(before.row_hash)) % 9223372036854775807
        + 9223372036854775807
    ) % 9223372036854775807 as change
from before
left join after using (user_id_before, event_id_before)
group by snapshot
