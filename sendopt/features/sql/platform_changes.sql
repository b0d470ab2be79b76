-- platform_changes
-- Grain: one row per user and UTC day after which another platform was known of them than before.
-- Reads: event.
-- By day, because that is all that a viewpoint asks and keeps the sorting small; of several
-- platforms on a day the last one counts, by name where instants are equal. Most users have one
-- platform all their life: the first day tells all of them, and only the others are sorted.
with known as (
    select
        user_id,
        min(platform) as platform,
        max(platform) as other,
        epoch_us(min(occurred_at)) // 86400000000 + 1 as known_day
    from event
    where platform is not null
    group by user_id
),
daily as (
    select
        user_id,
        epoch_us(occurred_at) // 86400000000 + 1 as known_day,
        arg_max(platform, (occurred_at, platform)) as platform
    from event
    where platform is not null
        and user_id in (select user_id from known where platform <> other)
    group by user_id, known_day
),
changed as (
    select user_id, known_day, platform
    from daily
    qualify platform is distinct from lag(platform) over (partition by user_id order by known_day)
)
select user_id, known_day, platform from changed
union all
select user_id, known_day, platform from known where platform = other
order by user_id, known_day
