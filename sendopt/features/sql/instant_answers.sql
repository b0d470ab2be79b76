-- instant_answers
-- Grain: one row.
-- Reads: event, send.  Params: $outcome, $until_us, $instant_us, $soon_us.
-- Of the sends before $until_us: how many were answered at their instant, how many of these once
-- more later, how many were answered soon after their instant, and how many of the others ever.
with answer as (
    select
        s.user_id,
        s.send_id,
        epoch_us(a.occurred_at) - epoch_us(s.occurred_at) as delay_us
    from send s
    join event a on a.user_id = s.user_id and a.send_id = s.send_id
    where a.event_type = $outcome and epoch_us(a.occurred_at) < $until_us
),
answered as (
    select
        bool_or(abs(delay_us) < $instant_us) as at_once,
        bool_or(delay_us >= $instant_us) as later,
        bool_or(delay_us >= $instant_us and delay_us < $soon_us) as soon
    from answer
    group by user_id, send_id
),
sent as (
    select count(*) as sends from send where epoch_us(occurred_at) < $until_us
)
select
    any_value(sends) as sends,
    count(*) filter (at_once) as at_once,
    count(*) filter (at_once and later) as at_once_and_later,
    count(*) filter (soon) as soon,
    count(*) filter (not at_once and later) as others_later
from sent left join answered on true
