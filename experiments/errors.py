"""The one error that is the user's to mend, and how other errors are told in it."""


class UserError(Exception):
    """A user's mistake, or a state of their machine: one line that says what is wrong and what to do.

    The entry point prints the line, without a traceback, and exits with code 2.
    """


def reason(error: Exception) -> str:
    """The first line of what an error says, to be put into one line for people."""
    return next(iter(str(error).splitlines()), type(error).__name__)
