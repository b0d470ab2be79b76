-- observation
-- Grain: one row per send or session, by user and time.
-- Reads: event; known_user (input: user_id, number).
-- Params: $outcome (event type that answers a send), $window_us.
-- known_us is when it may first be used: a send counts once its open window has closed, because
-- before, that it was not answered means nothing.
with answer as (
    select send_id, occurred_at from event where event_type = $outcome and send_id is not null
),
answered as (
    select s.event_id, min(epoch_us(a.occurred_at) - epoch_us(s.occurred_at)) as delay_us
    from event s
    join answer a using (send_id)
    where s.event_type = 'send'
        and a.occurred_at >= s.occurred_at
        and a.occurred_at < s.occurred_at + to_microseconds($window_us)
    group by s.event_id
),
observed as (
    select
        u.number as user,
        e.event_type = 'session' as is_session,
        -- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half,
        -- 2 later in it; null = not within it.
        case
            when a.delay_us * 6 < $window_us then 0
            when a.delay_us * 2 < $window_us then 1
            when a.delay_us is not null then 2
        end::utinyint as promptness,
        epoch_us(e.occurred_at) as happened_us,
        e.propensity
    from event e
    join known_user u using (user_id)
    left join answered a using (event_id)
    where e.event_type in ('send', 'session')
)
select
    user,
    is_session,
    promptness,
    happened_us,
    happened_us + if(is_session, 1, $window_us) as known_us,
    propensity
from observed
order by user, happened_us, is_session, promptness, propensity
