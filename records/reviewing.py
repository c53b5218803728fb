"""Verdicts on saved pictures; what somebody else said meanwhile is told."""

from collections.abc import Mapping, Sequence

from records.label_text import clean_label
from records.transaction import Base
from records.types import UNKNOWN, Change, Given


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
    ) -> Change:
        """Give saved pictures a label; one that has it already is left alone.

        Args:
            image_ids: which pictures.
            label: as typed; it is brought to its normal form, and to the spelling in
                which it is in use.
            who: the person.
            given: how the verdict came to be; who and when are this act's by default.
            expected: the label the person saw on each. Where another one stood by
                then, the new verdict is written all the same, and both are on
                record: the answer's conflicts say what the person had not seen.

        Raises:
            LabelRefused: the text cannot be a label.
        """
        label = clean_label(label)
        changed = 0
        with self._work(who) as work:
            label = work.spelling(label)
            for row in work.rows(image_ids):
                seen = row.label if expected is None else expected.get(row.image_id)
                unseen = seen != row.label
                if row.deleted or (unseen and row.label != label):
                    work.conflict(row)
                # Two who agree without knowing of each other are both on record.
                if not row.deleted and (unseen or row.label != label):
                    work.judge(row, label, given)
                    changed += 1
            return work.done(changed, label)
