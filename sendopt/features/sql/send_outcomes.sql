-- send_outcomes
-- Grain: one row per send that was answered within its open window, of which that is not known, or
-- whose propensity was logged, in no order.
-- Reads: send, send_answer.
-- Params: $window_us, $until_us, and what makes an answer (see send_answer).
select
    s.user_id,
    epoch_us(s.occurred_at) as happened_us,
    -- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half,
    -- 2 later in it; 3 = not within it; 4 = it is not known. Of stamps that are rounded more
    -- coarsely than the first sixth, all count as in the first half: which part it was they hide.
    -- What is below 2^31 comes as an INTEGER, of which six times a quarter of an hour is too much.
    case
        when a.unknown then 4
        when a.soonest_us is null or a.soonest_us >= $window_us then 3
        when ($earlier_us + $later_us)::bigint * 6 > $window_us then 1
        when a.soonest_us * 6 < $window_us then 0
        when a.soonest_us * 2 < $window_us then 1
        else 2
    end::utinyint as promptness,
    s.propensity
from send s
left join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where a.soonest_us < $window_us or a.unknown or s.propensity is not null
