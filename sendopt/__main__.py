"""`python -m sendopt` is the program `sendopt`."""

from sendopt.cli import main

main()
