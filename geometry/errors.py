"""The one exception that means: the caller gave something that cannot be used."""


class InputError(ValueError):
    """Bad input. The message is one line: what was expected, what came, what to do.

    The command line prints it without a traceback and exits with code 2.
    """
