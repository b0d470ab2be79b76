-- users_since
-- Grain: one row per user with an event in [$since_us, $until_us), by user_id.
-- Reads: event.  Params: $since_us, $until_us.
select distinct user_id
from event
where occurred_at >= make_timestamptz($since_us) and occurred_at < make_timestamptz($until_us)
order by user_id
