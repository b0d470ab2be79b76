-- send_answer(outcome, early_us, until_us, earlier_us, later_us, instant_us, hides)
-- Grain: one row per (user_id, send_id) of which an answer before until_us tells.
-- outcome: the event type that answers a send; early_us: how far a clock may be behind;
-- earlier_us, later_us: how much sooner or later than stamped an answer can have been given;
-- instant_us: answers stamped less than that from their send are machines' (0: nobody's are);
-- hides: where a machine answered, a person's own answer was not recorded.
-- This is what the answer to a send is, wherever a send is asked whether it was answered: an event of
-- that type about the same send to the same user, by a person, not given longer before it than clocks
-- differ. Counts of a user's answers (such as opens_7d) are of events instead: five opens of one send
-- are 5. One that was given before its send came at once. soonest_us and latest_us are the least and
-- the most that the first answer can have taken, null if there is none; early and too_early count
-- events given before their send, within early_us and beyond; earliest_us is the longest time by
-- which one of the former was; instant counts machines' answers; unknown = what the person did is
-- not known.
create temporary macro send_answer(
    outcome, early_us, until_us, earlier_us := 0, later_us := 0, instant_us := 0, hides := false
) as table
with about as (
    select user_id, send_id, answered_us - sent_us as delay_us
    from answer_of_send(outcome, until_us)
),
placed as (
    select
        user_id,
        send_id,
        delay_us - earlier_us as least_us,
        delay_us + later_us as most_us,
        abs(delay_us) < instant_us as by_machine
    from about
),
told as (
    select
        user_id,
        send_id,
        min(greatest(least_us, 0)) filter (not by_machine and most_us >= -early_us) as soonest_us,
        min(greatest(most_us, 0)) filter (not by_machine and most_us >= -early_us) as latest_us,
        count(*) filter (not by_machine and most_us between -early_us and -1) as early,
        max(-most_us) filter (not by_machine and most_us between -early_us and -1) as earliest_us,
        count(*) filter (most_us < -early_us) as too_early,
        count(*) filter (by_machine) as instant,
        hides and bool_or(by_machine) as unknown
    from placed
    group by user_id, send_id
)
select
    user_id,
    send_id,
    if(unknown, null, soonest_us) as soonest_us,
    if(unknown, null, latest_us) as latest_us,
    early,
    earliest_us,
    too_early,
    instant,
    unknown
from told
