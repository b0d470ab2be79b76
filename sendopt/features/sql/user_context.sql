-- user_context
-- Grain: one row per user who is asked about and has an event before $until_us.
-- Reads: event, user_zone, asked (input: user_id).  Params: $until_us.
-- The zone and the platform that were known of a user last; null = never given.
select
    e.user_id,
    any_value(z.timezone) as timezone,
    arg_max(e.platform, (e.occurred_at, e.event_id)) filter (e.platform is not null) as platform
from event e
left join user_zone(make_timestamptz($until_us)) z using (user_id)
where epoch_us(e.occurred_at) < $until_us and e.user_id in (select user_id from asked)
group by e.user_id
order by e.user_id
