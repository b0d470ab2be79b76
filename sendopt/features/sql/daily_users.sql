-- daily_users
-- Grain: one row per (user_id, day) with an event in [$from_us, $until_us).
-- Reads: event.  Params: $from_us, $until_us.
-- is_new: nothing was known of the user before that day.  is_zone_unknown: no zone was ever known.
-- Days are 24 hours each, counted from $from_us.
with known as (
    select
        user_id,
        epoch_us(min(occurred_at)) as first_us,
        count(timezone) = 0 as is_zone_unknown
    from event
    where epoch_us(occurred_at) < $until_us
    group by user_id
)
select distinct
    e.user_id,
    (epoch_us(e.occurred_at) - $from_us) // 86400000000 as day,
    k.first_us >= $from_us + day * 86400000000 as is_new,
    k.is_zone_unknown
from event e
join known k using (user_id)
where epoch_us(e.occurred_at) >= $from_us and epoch_us(e.occurred_at) < $until_us
order by user_id, day
