-- Templated: a table function of the catalog itself.
select id from {lake}.current_snapshot()
