insert into data_file select path, bytes, sha256 from sealed
