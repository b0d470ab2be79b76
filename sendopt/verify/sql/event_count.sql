-- event_count
-- Grain: one row.
-- Reads: event.
select count(*) as events from event
