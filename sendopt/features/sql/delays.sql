-- delays
-- Grain: one row per (stage in which a send was answered, stages that it was watched for).
-- Reads: send, send_answer.
-- Params: $until_us, $ends_us (ends of the stages after a send), and what makes an answer (see
-- send_answer). An answer of a rounded stamp stands in the middle of the time it can have taken.
-- Stages count from 0; answered = the number of stages for sends without an answer in any.
with placed as (
    select
        if(
            a.latest_us is null,
            len($ends_us),
            len(list_filter($ends_us, lambda ends: ends <= (a.soonest_us + a.latest_us) // 2))
        ) as answered,
        if(
            epoch_us(s.occurred_at) <= $until_us - list_max($ends_us),
            len($ends_us),  -- nearly all sends
            len(list_filter($ends_us, lambda ends: ends <= $until_us - epoch_us(s.occurred_at)))
        ) as observed
    from send s
    left join send_answer(
        $outcome, $early_us, $until_us,
        earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
    ) a using (user_id, send_id)
    where epoch_us(s.occurred_at) < $until_us and not coalesce(a.unknown, false)
)
select answered, observed, count(*) as sends
from placed
group by answered, observed
order by answered, observed
