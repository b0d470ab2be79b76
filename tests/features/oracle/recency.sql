-- recency
-- Grain: one row per viewpoint, in the order of `viewpoint`.
-- Reads: event, viewpoint (input: viewpoint, user_id, as_of).
-- Params: $outcome.
-- Counts and ages of what happened before as_of; null = never happened.
-- Of several sends of one (user, send id), only the first by time and event id.
with once as (
    select user_id, event_type, occurred_at
    from event
    qualify event_type <> 'send' or send_id is null
        or row_number() over (
            partition by user_id, event_type, send_id order by occurred_at, event_id
        ) = 1
),
past as (
    select
        v.viewpoint,
        e.event_type,
        (epoch_us(v.as_of) - epoch_us(e.occurred_at)) / 86400e6 as age_days
    from viewpoint v
    join once e on e.user_id = v.user_id and e.occurred_at < v.as_of
),
counted as (
    select
        viewpoint,
        count(*) filter (event_type = 'send' and age_days <= 1) as sends_1d,
        count(*) filter (event_type = 'send' and age_days <= 7) as sends_7d,
        count(*) filter (event_type = 'send' and age_days <= 28) as sends_28d,
        count(*) filter (event_type = 'send') as sends_ever,
        count(*) filter (event_type = $outcome and age_days <= 7) as opens_7d,
        count(*) filter (event_type = $outcome and age_days <= 28) as opens_28d,
        count(*) filter (event_type = $outcome) as opens_ever,
        count(*) filter (event_type = 'session' and age_days <= 7) as sessions_7d,
        count(*) filter (event_type = 'session' and age_days <= 28) as sessions_28d,
        count(*) filter (event_type = 'dismissal' and age_days <= 28) as dismissals_28d,
        min(age_days) filter (event_type = 'send') as days_since_send,
        min(age_days) filter (event_type = $outcome) as days_since_open,
        min(age_days) filter (event_type = 'session') as days_since_session,
        max(age_days) as tenure_days
    from past
    group by viewpoint
)
select
    v.viewpoint,
    coalesce(sends_1d, 0)::double as sends_1d,
    coalesce(sends_7d, 0)::double as sends_7d,
    coalesce(sends_28d, 0)::double as sends_28d,
    coalesce(sends_ever, 0)::double as sends_ever,
    coalesce(opens_7d, 0)::double as opens_7d,
    coalesce(opens_28d, 0)::double as opens_28d,
    coalesce(opens_ever, 0)::double as opens_ever,
    coalesce(sessions_7d, 0)::double as sessions_7d,
    coalesce(sessions_28d, 0)::double as sessions_28d,
    coalesce(dismissals_28d, 0)::double as dismissals_28d,
    days_since_send,
    days_since_open,
    days_since_session,
    tenure_days
from viewpoint v
left join counted using (viewpoint)
order by v.viewpoint
