-- hour_counts
-- Grain: one row per (user_id, day, event_type, local hour) with events in [$from_us, $until_us).
-- Reads: event, user_zone, zone_clock (input: see `zone_clocks`).  Params: $from_us, $until_us.
-- The hour is in the event's own zone, else in the last one known of its user, else in UTC.
-- Days are 24 hours each, counted from $from_us.
with zone as materialized (
    select distinct timezone as name from zone_clock
),
placed as (
    select
        e.user_id,
        e.event_type,
        (epoch_us(e.occurred_at) - $from_us) // 86400000000 as day,
        epoch_us(e.occurred_at) as at_us,
        coalesce(z.name, l.timezone, 'UTC') as zone
    from event e
    left join zone z on z.name = e.timezone
    left join user_zone(make_timestamptz($until_us)) l on l.user_id = e.user_id
    where epoch_us(e.occurred_at) >= $from_us and epoch_us(e.occurred_at) < $until_us
)
select
    user_id,
    day,
    event_type,
    ((at_us + offset_us) // 3600000000 % 24)::integer as hour,
    count(*)::double as events
from placed
join zone_clock c on c.timezone = zone and at_us >= c.from_us and at_us < c.until_us
group by user_id, day, event_type, hour
order by user_id, day, event_type, hour
