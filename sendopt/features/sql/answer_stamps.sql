-- answer_stamps
-- Grain: one row per step of $steps_us, longest first.
-- Reads: answer_of_send.  Params: $outcome, $until_us, $steps_us.
-- How many answers before $until_us, and how many of their sends, are stamped at a multiple of the
-- step, and how many answers are stamped at or before their send, by no more than the step.
with step as (
    select unnest($steps_us) as step_us
)
select
    step_us,
    count(*) as answers,
    count(*) filter (answered_us % step_us = 0) as answers_on_step,
    count(*) filter (sent_us % step_us = 0) as sends_on_step,
    count(*) filter (answered_us <= sent_us and answered_us > sent_us - step_us) as not_after
from answer_of_send($outcome, $until_us), step
group by step_us
order by step_us desc
