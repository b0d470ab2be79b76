-- history_zones
-- Grain: one row per zone that an event names, by name.
-- Reads: event.
-- A zone too new for DuckDB's own list counts as not given; it would fail every query.
select distinct timezone
from event
where timezone in (select name from pg_timezone_names())
order by timezone
