"""What every part of the database stands on: a connection and a transaction each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from records import search
from records.bookmarks import Bookmarks
from records.errors import translated
from records.work import Work


class Base:
    """An engine, and the classes that the model can answer."""

    def __init__(self, engine: Engine, classes: Sequence[str]) -> None:
        """Use `Database.open`, which makes or migrates the tables first."""
        self.engine = engine
        self.classes = tuple(classes)
        self.trigrams = search.available(engine)
        self.bookmarks = Bookmarks()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                options = connection.execution_options(writes=writes)
                with options.begin():
                    yield options
        except DBAPIError as problem:
            raise translated(problem) from problem

    @contextmanager
    def _work(self, who: str) -> Iterator[Work]:
        """One act of one person, in one writing transaction."""
        with self._transaction(writes=True) as connection:
            work = Work(connection, self.classes, who, trigrams=self.trigrams)
            yield work
            work.finish()
