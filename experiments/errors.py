"""The error that ends a command with one line for its user."""


class UserError(Exception):
    """A user's mistake, or a state of their machine: one line that says what is wrong and what to do.

    The entry point prints the line, without a traceback, and exits with code 2.
    """
