-- campaign_outcome
-- Grain: one row.
-- Reads: send, send_answer.  Params: $open_window.
-- Only sends of a campaign count: those of the imported history belong to none.
select
    count(*) as sends,
    count(a.soonest_us) as answers,
    count(*) filter (a.soonest_us < epoch_us($open_window)) as opens
from send s
left join send_answer('open', 0, 9223372036854775807) a using (user_id, send_id)
where s.campaign_id is not null
