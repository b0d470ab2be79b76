-- user_zone(before)
-- Grain: one row per user of whom an event before `before` names a zone.
-- This is a user's zone, wherever one is asked for: the last IANA zone that was given before the
-- instant; of those given at one instant the last by name. The history of features settles ties the
-- same way (`features/timeline/arrival.py`, which holds all zones that a user ever had).
create temporary macro user_zone(before) as table
select user_id, arg_max(timezone, (occurred_at, timezone)) as timezone
from event
where occurred_at < before and timezone in (select name from zone_name)
group by user_id
