-- instant_answers
-- Grain: one row.
-- Reads: answer_of_send, send.  Params: $outcome, $until_us, $instant_us, $soon_us.
-- Of the sends before $until_us: how many were answered at their instant, how many of these once
-- more later, how many were answered soon after their instant, and how many of the others ever.
with answer as (
    select user_id, send_id, answered_us - sent_us as delay_us
    from answer_of_send($outcome, $until_us)
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
