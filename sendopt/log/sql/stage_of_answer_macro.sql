-- stage_of_answer(soonest_us, window_us, step_us)
-- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half, 2 later in
-- it; 3 = not within it. soonest_us: of send_answer, null = no answer. step_us: of its stamps, 0 if they
-- are exact. Of stamps that are rounded more coarsely than the first sixth, all count as in the first
-- half: which part it was they hide. What is below 2^31 comes as an INTEGER, of which six times a
-- quarter of an hour is too much.
create temporary macro stage_of_answer(soonest_us, window_us, step_us) as
case
    when soonest_us is null or soonest_us >= window_us then 3
    when step_us::bigint * 6 > window_us then 1
    when soonest_us * 6 < window_us then 0
    when soonest_us * 2 < window_us then 1
    else 2
end::utinyint
