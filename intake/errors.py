"""Why something was not taken."""


class Refused(Exception):
    """A file or address that was not taken; the message is for the person who gave it.

    Attributes:
        retry: whether trying again later may help.
    """

    def __init__(self, message: str, *, retry: bool = False) -> None:
        """Say why, in one plain sentence."""
        super().__init__(message)
        self.retry = retry
