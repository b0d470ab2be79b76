-- hour_counts
-- Grain: one row per (user_id, day, event_type, local hour) with events in [$from_us, $until_us).
-- Reads: event, user_zone.  Params: $from_us, $until_us.
-- The hour is in the event's own zone, else in the last one known of its user, else in UTC.
-- Days are 24 hours each, counted from $from_us.
with zone as materialized (
    select name from pg_timezone_names()
),
placed as (
    select
        e.user_id,
        e.event_type,
        (epoch_us(e.occurred_at) - $from_us) // 86400000000 as day,
        timezone(coalesce(z.name, l.timezone, 'UTC'), e.occurred_at) as local_at
    from event e
    left join zone z on z.name = e.timezone
    left join user_zone(make_timestamptz($until_us)) l on l.user_id = e.user_id
    where epoch_us(e.occurred_at) >= $from_us and epoch_us(e.occurred_at) < $until_us
)
select user_id, day, event_type, hour(local_at)::integer as hour, count(*)::double as events
from placed
group by user_id, day, event_type, hour
order by user_id, day, event_type, hour
