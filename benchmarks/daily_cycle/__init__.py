"""The daily cycle, by its commands, on a planted log, beside the obvious program."""
