-- send_outcomes
-- Grain: one row per send that was answered within its open window, of which that is not known, or
-- whose propensity was logged, in no order.
-- Reads: send, send_answer, stage_of_answer.
-- Params: $window_us, $until_us, and what makes an answer (see send_answer).
select
    s.user_id,
    epoch_us(s.occurred_at) as happened_us,
    -- Beyond the stages: 4 = it is not known what the person did.
    if(a.unknown, 4, stage_of_answer(a.soonest_us, $window_us, $earlier_us + $later_us)) as latency_stage,
    s.propensity
from send s
left join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where a.soonest_us < $window_us or a.unknown or s.propensity is not null
