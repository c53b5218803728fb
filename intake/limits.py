"""How a limit is said to people: one wording for sizes and numbers."""

_UNITS = ("bytes", "KB", "MB", "GB")


def size(most: int) -> str:
    """A limit in bytes, in a unit that makes it a short whole number."""
    step = 0
    last = len(_UNITS) - 1
    while step < last and most >= 1024 and (most % 1024 == 0 or most >= 10 * 1024):
        most, step = most // 1024, step + 1
    return f"{most:,} {_UNITS[step]}"


def too_large(most: int) -> str:
    """Why something was not taken."""
    return f"Too large: the limit is {size(most)}"


def too_many(what: str, most: int) -> str:
    """The same of a number of things."""
    return f"Too many {what}: the limit is {most:,}"
