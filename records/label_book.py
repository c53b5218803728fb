"""The label book: which labels are in use, how often, and giving one another name."""

from sqlalchemy import Connection, func, select

from records.label_text import LabelRefused, clean_label, matching
from records.schema import state, tally
from records.transaction import Base
from records.types import BookLabel, Change


class LabelBook(Base):
    """The part of `Database` that knows labels."""

    def _counts(self, connection: Connection) -> dict[str, tuple[int, int]]:
        """For each label that stands: pictures in the history, and in the trash."""
        found = (
            select(tally.c.label, tally.c.deleted, func.sum(tally.c.pictures))
            .where(tally.c.label != "")
            .group_by(tally.c.label, tally.c.deleted)
        )
        counts: dict[str, tuple[int, int]] = {}
        for label, deleted, total in connection.execute(found):
            n = int(total)
            shown, trashed = counts.get(label, (0, 0))
            counts[label] = (shown, trashed + n) if deleted else (shown + n, trashed)
        return counts

    def label_book(self) -> list[BookLabel]:
        """Every class and every label in use, most used first."""
        with self._transaction(writes=False) as connection:
            return self._book(connection)

    def _book(self, connection: Connection) -> list[BookLabel]:
        counts = self._counts(connection)
        names = [*self.classes, *(set(counts) - set(self.classes))]
        book = [
            BookLabel(name, *counts.get(name, (0, 0)), name not in self.classes)
            for name in names
        ]
        return sorted(book, key=lambda b: (-b.pictures, b.label))

    def labels(self, *, trash: bool = False) -> list[tuple[str, int]]:
        """People's own labels in use, most used first, with their counts.

        Args:
            trash: those that stand in the trash instead of those in the history.
        """
        own = [entry for entry in self.label_book() if entry.custom]
        counts = [(e.label, e.trashed if trash else e.pictures) for e in own]
        return sorted((c for c in counts if c[1]), key=lambda c: (-c[1], c[0]))

    def new_name(self, old: str, text: str) -> str:
        """What `rename_label` would call a label; an existing name means a merge.

        Raises:
            LabelRefused: the text cannot be a label, or `old` cannot be renamed.
        """
        with self._transaction(writes=False) as connection:
            return self._new_name(connection, old, text)

    def _new_name(self, connection: Connection, old: str, text: str) -> str:
        if old in self.classes:
            raise LabelRefused("A class of the model cannot be renamed.")
        book = self._book(connection)
        others = (entry.label for entry in book if entry.label != old)
        return matching(clean_label(text), others)

    def rename_label(self, old: str, text: str, who: str = "") -> Change:
        """Give every picture that stands under a label another one.

        One act: every picture, those in the trash too, gets an event, and `undo`
        takes all of it back. Earlier events keep the name of their time.

        Raises:
            LabelRefused: as in `new_name`.
        """
        found = select(state.c.image_id).where(state.c.label == old)
        with self._work(who) as work:
            new = self._new_name(work.connection, old, text)
            ids = work.connection.execute(found).scalars().all()
            rows = work.rows(ids) if new != old else []
            for row in rows:
                work.rename(row, new)
            return work.done(len(rows), new)
