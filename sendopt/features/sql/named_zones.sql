-- named_zones
-- Grain: one row per zone that an event names, by name.
-- Reads: event, zone_name.
-- first_us and last_us: between which instants its events lie.
select
    timezone,
    min(epoch_us(occurred_at)) as first_us,
    max(epoch_us(occurred_at)) as last_us
from event
where timezone in (select name from zone_name)
group by timezone
order by timezone
