-- active_users
-- Grain: one row per user with an event in [$from_us, $until_us).
-- Reads: event.  Params: $from_us, $until_us.
-- is_new: nothing was known of the user before.  is_zone_unknown: no zone was ever known.
select
    user_id,
    epoch_us(min(occurred_at)) >= $from_us as is_new,
    count(timezone) = 0 as is_zone_unknown
from event
where epoch_us(occurred_at) < $until_us
group by user_id
having epoch_us(max(occurred_at)) >= $from_us
order by user_id
