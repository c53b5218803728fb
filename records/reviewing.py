"""Verdicts on saved pictures; what somebody else said meanwhile is told."""

from collections.abc import Mapping, Sequence

from records.common import AnyRow
from records.label_text import clean_label
from records.opinions import opinions_of
from records.transaction import Base
from records.types import UNKNOWN, Change, Given
from records.work import Work


class Reviewing(Base):
    """Giving saved pictures a label."""

    def review(
        self,
        image_ids: Sequence[int],
        label: str,
        who: str = "",
        *,
        expected: Mapping[int, str | None] | None = None,
        given: Given = UNKNOWN,
        strict: bool = False,
    ) -> Change:
        """Give saved pictures a label.

        One that has it already is left alone, unless somebody else gave it: two who
        agree are both on record.

        Args:
            image_ids: which pictures.
            label: as typed; it is brought to its normal form, and to the spelling in
                which it is in use.
            who: the person.
            given: how the verdict came to be; who and when are this act's by default.
            expected: the label the person saw on each. Where another one stood by
                then, the new verdict is written all the same, and both are on
                record: the answer's conflicts say what the person had not seen.
            strict: write nothing where another label stood.

        Raises:
            LabelRefused: the text cannot be a label.
        """
        label = clean_label(label)
        changed = 0
        with self._work(who) as work:
            label = work.spelling(label)
            rows = work.rows(image_ids)
            own = opinions_of(
                work.connection, given.who or who, [row.image_id for row in rows]
            )
            for row in rows:
                seen = row.label if expected is None else expected.get(row.image_id)
                unseen = seen != row.label
                if row.deleted or (unseen and (strict or row.label != label)):
                    work.conflict(row)
                if row.deleted or (unseen and strict):
                    continue
                if row.label != label or unseen or _is_news(row, own, work, given):
                    work.judge(row, label, given)
                    changed += 1
            return work.done(changed, label)


def _is_news(row: AnyRow, own: dict[int, str], work: Work, given: Given) -> bool:
    """Whether a named person agrees who has not said so before."""
    who = given.who or work.who
    return bool(who) and own.get(row.image_id) != row.label
