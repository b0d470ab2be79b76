-- history_zones
-- Grain: one row per zone that an event names, by name.
-- Reads: event.
-- A zone too new for DuckDB's own list counts as not given; it would fail every query.
with named as (
    select distinct timezone from event
)
select timezone
from named
where timezone in (select name from pg_timezone_names())
order by timezone
