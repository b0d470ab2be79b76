-- active_within
-- Grain: one row per moment, in the order of `moment`.
-- Reads: event, moment (input: moment, user_id, at).  Params: $window_us.
-- Label of the activity channel: a session started in [at, at + window).
with session as (
    select distinct user_id, occurred_at from event where event_type = 'session'
)
select
    m.moment,
    coalesce(s.occurred_at < m.at + to_microseconds($window_us), false)::double as label
from moment m
asof left join session s on m.user_id = s.user_id and m.at <= s.occurred_at
order by m.moment
