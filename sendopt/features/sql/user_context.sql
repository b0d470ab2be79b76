-- user_context
-- Grain: one row per user who is asked about and has an event before $until_us.
-- Reads: event, asked (input: user_id).  Params: $until_us.
-- The zone and the platform that were known of a user last; null = never given.
select
    user_id,
    arg_max(timezone, (occurred_at, event_id)) filter (timezone is not null) as timezone,
    arg_max(platform, (occurred_at, event_id)) filter (platform is not null) as platform
from event
where epoch_us(occurred_at) < $until_us and user_id in (select user_id from asked)
group by user_id
order by user_id
