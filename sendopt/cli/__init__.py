"""The commands: read options, call the application once, print the answer.

Owns: option names, help texts, exit status, how answers look in a terminal.
Does not own: any rule; `sendopt.app` does the work.
In: arguments.  Out: an answer on stdout, explanations on stderr, an exit status.

Exit status: 0 done, 2 bad input or usage, 1 failed.
"""

from sendopt.cli.main import main

__all__ = ["main"]
