-- Templated. A file that was sealed twice was sealed alike.
select path, any_value(bytes), any_value(sha256)
from {lake}.main.data_file
group by path
