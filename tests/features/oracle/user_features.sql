-- user_features
-- Grain: one row per viewpoint, in the order of `viewpoint`.
-- Reads: event, viewpoint (input: viewpoint, user_id, as_of).
-- Columns: what is declared, each of them as an aggregate over what happened to the user before as_of.
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
    left join once e on e.user_id = v.user_id and e.occurred_at < v.as_of
)
select
    viewpoint,
    $columns
from past
group by viewpoint
order by viewpoint
