"""Where the environment says that the data lies, in whatever way people write it.

Services hand out `postgres://…`; files of settings leave quotes, blanks and empty
values; folders may be named anything. An empty value is as good as none.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL

HOME = Path(__file__).resolve().parent.parent
"""The application's own folder."""

_POSTGRES = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.I)
_SQLITE = re.compile(r"sqlite3?(?:\+\w+)?://", re.I)
_URL = re.compile(r"[\w+.-]+://")


def setting(name: str) -> str:
    """A value of the environment, less blanks and quotes around it; "" for none."""
    return _bare(os.environ.get(name, ""))


def _bare(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def _expanded(path: str) -> Path:
    with suppress(RuntimeError):  # `~name` of nobody: a folder of that name
        return Path(path).expanduser()
    return Path(path)


def folder_named(name: str, default: Path) -> Path:
    """The folder that the environment names."""
    given = setting(name)
    return _expanded(given) if given else default


def sqlite_url(path: Path) -> str:
    """The URL of a file, whatever characters its name holds."""
    url = URL.create("sqlite", database=str(path))
    return url.render_as_string(hide_password=False)


def database_url(text: str) -> str:
    """SQLAlchemy's URL of what somebody has written: a URL, or the path of a file."""
    text = _bare(text)
    if _POSTGRES.match(text):
        return _POSTGRES.sub("postgresql+psycopg://", text, count=1)
    if _SQLITE.match(text):
        rest = _SQLITE.sub("", text, count=1)
        home = rest.startswith("/~")
        return f"sqlite://{'/' + str(_expanded(rest[1:])) if home else rest}"
    return text if _URL.match(text) else sqlite_url(_expanded(text))


def configured_url() -> str:
    """The database that the environment names: the application's own by default."""
    if given := setting("DATABASE_URL"):
        return database_url(given)
    folder = folder_named("CLASSIFY_DATA", HOME)
    return sqlite_url(folder / "image_classification.db")
