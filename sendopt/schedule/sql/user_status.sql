-- user_status
-- Grain: one row per user of the log, or of $user_id alone.
-- Reads: event.  Params: $as_of, $user_id (null = everybody).
-- An opt-out stands from the moment we know of it, whatever the user did afterwards: consent does not
-- come back by itself. Only an opt-in that was said later ends it.
select
    user_id,
    arg_max(timezone, (occurred_at, timezone)) filter (
        where timezone is not null and occurred_at < $as_of
    ) as timezone,
    coalesce(
        max(occurred_at) filter (where event_type = 'opt_out')
        >= coalesce(
            max(occurred_at) filter (where event_type = 'opt_in'), timestamptz '-infinity'
        ),
        false
    ) as opted_out
from event
where $user_id is null or user_id = $user_id
group by user_id
order by user_id
