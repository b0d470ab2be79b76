-- summary
-- Grain: one row.
-- Reads: event, send, send_answer.
-- Params: $window_us, $until_us, and what makes an answer (see send_answer).
-- How much there is to learn from before $until_us, and what of the log was not taken as it
-- stands.
with answers as (
    select
        count(*) filter (soonest_us < $window_us) as opens,
        coalesce(sum(early), 0)::bigint as early,
        max(earliest_us) as earliest_us,
        coalesce(sum(too_early), 0)::bigint as too_early,
        coalesce(sum(instant), 0)::bigint as instant,
        count(*) filter (unknown) as unknown
    from send_answer(
        $outcome, $early_us, $until_us,
        earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
    )
),
strays as (
    select count(*) as stray_answers
    from event e anti join send s using (user_id, send_id)
    where e.event_type = $outcome and epoch_us(e.occurred_at) < $until_us
),
sent as (
    select count(*) as sends from send where epoch_us(occurred_at) < $until_us
),
told as (
    select
        count(*) as events,
        count(distinct user_id) as users,
        count(distinct user_id) filter (timezone is not null) as placed_users,
        count(*) filter (event_type = 'send') as send_events,
        count(*) filter (event_type = 'session') as sessions,
        epoch_us(min(occurred_at)) as first_us
    from event
    where epoch_us(occurred_at) < $until_us
)
select * from told, sent, strays, answers
