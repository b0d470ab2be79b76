-- Templated: a table takes no parameters. What a reader in memory sees in place of the view.
-- A send is one message to one user, so that all that belongs to it is among the user's own events.
create temporary table event as
select * from every_event where {which}
