-- answer_stamps
-- Grain: one row per step of $steps_us, longest first.
-- Reads: event, send.  Params: $outcome, $until_us, $steps_us.
-- How many answers before $until_us, and how many of their sends, are stamped at a multiple of the
-- step, and how many answers are stamped at or before their send, by no more than the step.
with answer as (
    select epoch_us(s.occurred_at) as sent_us, epoch_us(a.occurred_at) as answered_us
    from send s
    join event a on a.user_id = s.user_id and a.send_id = s.send_id
    where a.event_type = $outcome and epoch_us(a.occurred_at) < $until_us
),
step as (
    select unnest($steps_us) as step_us
)
select
    step_us,
    count(*) as answers,
    count(*) filter (answered_us % step_us = 0) as answers_on_step,
    count(*) filter (sent_us % step_us = 0) as sends_on_step,
    count(*) filter (answered_us <= sent_us and answered_us > sent_us - step_us) as not_after
from answer, step
group by step_us
order by step_us desc
