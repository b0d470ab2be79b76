-- active_within
-- Grain: one row per moment, in the order of `moment`.
-- Reads: event, moment (input: moment, user_id, at).  Params: $window_us.
-- Label of the activity channel: a session started in [at, at + window). Moments and sessions are
-- walked through together: an as-of join takes minutes where few users have very many sessions.
with walked as (
    select m.moment, m.user_id, m.at as happened_at, null as session_at
    from moment m
    union all
    select null, e.user_id, e.occurred_at, e.occurred_at
    from event e semi join moment m using (user_id)
    where e.event_type = 'session'
),
followed as (
    select
        moment,
        happened_at,
        lead(session_at ignore nulls) over (
            partition by user_id
            order by happened_at, session_at nulls first
        ) as next_at
    from walked
)
select
    moment,
    coalesce(next_at < happened_at + to_microseconds($window_us), false)::double as label
from followed
where moment is not null
order by moment
