"""The trash: looked into like the history, and nothing in it counts anywhere else."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from dataset.write import NothingToExport
from db import Database, HistoryQuery
from tests.support.entries import entry, names
from tests.support.exports import exported, lines, opened, picture
from tests.support.page import button, html, png, upload
from ui.history.trash import purges_html
from ui.shared.clock import here
from workflow import resources


def kinds(db: Database, image_id: int) -> list[str]:
    return [event.event for event in db.history(image_id)]


def test_it_is_found_in_as_the_history_is(trash: Database):
    assert names(trash) == ["6.png", "5.png", "4.png"]
    assert names(trash, state="trash") == ["3.png", "2.png", "1.png"]
    assert names(trash, state="trash", label="cat") == ["1.png"]
    assert names(trash, state="trash", search="boat") == ["2.png"]
    assert names(trash, state="trash", search="raft") == []
    assert names(trash, state="trash", sort="name", descending=False)[0] == "1.png"
    cut = trash.page(HistoryQuery(state="trash"), 1, 1)
    assert (cut.total, cut.rows[0].name) == (3, "2.png")


def test_its_labels_are_those_that_lie_in_it(trash: Database):
    assert trash.labels() == [("raft", 1)]
    assert trash.labels(trash=True) == [("house boat", 1)]


def test_some_are_restored_on_record_and_undone(trash: Database):
    change = trash.restore_deleted([1, 3], "Ben")
    assert (change.changed, change.conflicts, change.gone) == (2, (), 0)
    assert names(trash, state="trash") == ["2.png"]
    assert (trash.history(1)[-1].event, trash.history(1)[-1].who) == ("restored", "Ben")
    assert trash.undo(change.operation, "Ben").changed == 2
    assert names(trash, state="trash") == ["3.png", "2.png", "1.png"]
    assert kinds(trash, 1)[-2:] == ["restored", "undone"]


def test_all_are_restored_on_record_and_undone(trash: Database):
    change = trash.restore_deleted(who="Ben")
    assert (change.changed, trash.deleted_count()) == (3, 0)
    assert [e.who for e in trash.history(3)] == ["Ada", "Ben"]
    assert trash.undo(change.operation).changed == trash.deleted_count() == 3


def test_some_are_purged_and_no_other(trash: Database):
    assert trash.purge_deleted([1, 3]).changed == 2
    assert names(trash, state="trash") == ["2.png"]
    assert trash.history(1) == []
    assert [trash.image(entry(n).sha256) is None for n in (1, 2, 3)] == [1, 0, 1]
    assert names(trash) == ["6.png", "5.png", "4.png"]


def test_who_deleted_for_good_is_on_record(trash: Database):
    trash.purge_deleted([1, 3], "Ada")
    trash.purge_deleted([1, 4], "Ben")  # one is gone, one not in the trash
    trash.clear("<Cid>")
    trash.clear("Ben")
    cleared, purged = found = trash.purges(9)
    assert (purged.who, purged.pictures) == ("Ada", 2)
    assert (cleared.who, cleared.pictures) == ("<Cid>", 4)
    assert purged.created <= cleared.created
    assert trash.purges(1) == [cleared]
    text = purges_html(found)
    assert "<b>&lt;Cid&gt;</b>: 4 pictures" in text
    assert f"<small>{here(purged.created)}</small>" in text


def test_who_restores_after_another_is_told(trash: Database):
    trash.restore_deleted([1], "Ada")
    trash.purge_deleted([2])
    change = trash.restore_deleted([1, 2, 3], "Ben")
    assert (change.changed, change.gone) == (1, 1)
    (conflict,) = change.conflicts
    assert (conflict.name, conflict.who, conflict.restored) == ("1.png", "Ada", True)
    assert kinds(trash, 1).count("restored") == 1


def test_what_another_has_restored_is_not_purged(trash: Database):
    trash.restore_deleted([1], "Ada")
    trash.review([1], "dog", "Ada")
    change = trash.purge_deleted([1, 2])
    assert (change.changed, trash.purge_deleted([2]).gone) == (1, 1)
    assert [(c.name, c.who) for c in change.conflicts] == [("1.png", "Ada")]
    (row,) = trash.page(HistoryQuery(search="1.png"), 9).rows
    assert row.label == "dog"


def test_who_deletes_after_another_is_told(trash: Database):
    change = trash.delete([3, 4], "Ben")
    assert change.changed == 1
    (conflict,) = change.conflicts
    assert (conflict.name, conflict.who, conflict.deleted) == ("3.png", "Ada", True)
    assert kinds(trash, 3) == ["deleted"]


def test_a_verdict_on_what_is_gone_is_told(trash: Database):
    trash.purge_deleted([3])
    assert trash.review([3, 4], "dog").gone == 1


@pytest.mark.threat("G51")
def test_what_is_restored_and_purged_at_once_is_whole_or_gone(
    db: Database,
):
    db.save(entry(n, "cat") for n in range(40))
    db.delete(range(1, 41))
    told = {}

    def work(act):
        told[act] = [act([n]) for n in range(1, 41)]

    acts = (db.restore_deleted, db.purge_deleted)
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    restored, purged = ([c.changed for c in told[act]] for act in acts)
    assert [a + b for a, b in zip(restored, purged, strict=True)] == [1] * 40
    assert [len(c.conflicts) for c in told[db.purge_deleted]] == restored
    assert [c.gone for c in told[db.restore_deleted]] == purged
    assert db.deleted_count() == 0
    assert len(names(db)) == db.statistics().reviewed == sum(restored)


def test_it_is_never_exported(db: Database):
    db.save([picture(n, "cat") for n in (1, 2)])
    db.delete([1])
    assert len(lines(opened(exported(db, unreviewed=True)))) == 1
    with pytest.raises(NothingToExport):
        exported(db, HistoryQuery(state="trash"), unreviewed=True)


def links(page: AppTest) -> list[str]:
    return [element.proto.label for element in page.get("link_button")]


def look(page: AppTest) -> AppTest:
    page.segmented_control(key="view").set_value("History").run()
    return page.segmented_control(key="show").set_value("In the trash").run()


def test_the_history_looks_into_it_and_offers_no_download(page: AppTest):
    upload(page, a=png("red"), b=png("blue"))
    button(page, "Save").click().run()
    look(page)
    assert "The trash is empty." in html(page)
    database = resources.database()
    database.delete([1])
    page.run()
    assert "1 to 1 of 1 picture." in html(page)
    labels = [b.label for b in page.button]
    assert {"Restore selected", "Delete for good…"} < set(labels)
    assert not [name for name in labels if name.startswith(("Label", "Delete sel"))]
    assert links(page) == []
    page.text_input(key="search").set_value("nothing").run()
    assert "Nothing matches." in html(page)
    page.segmented_control(key="show").set_value("All").run()
    page.text_input(key="search").set_value("").run()
    assert links(page) == ["Download ZIP"]
    assert not page.exception


def test_its_own_labels_can_be_chosen_where_it_is_shown(page: AppTest):
    upload(page, a=png("red"))
    page.selectbox[0].set_value("Other…").run()
    page.text_input[0].set_value("brick").run()
    button(page, "Save").click().run()
    resources.database().delete([1])
    look(page).selectbox(key="label").set_value("brick").run()
    assert "1 to 1 of 1 picture." in html(page)
    page.segmented_control(key="show").set_value("All").run()
    assert "brick" not in page.selectbox(key="label").options
    assert not page.exception


def test_the_data_set_view_leads_there_restores_all_and_undoes(
    page: AppTest,
):
    upload(page, a=png("red"))
    button(page, "Save").click().run()
    database = resources.database()
    database.delete([1])
    page.session_state["reviewer"] = {"name": "Ada"}
    page.segmented_control(key="view").set_value("Data set").run()
    assert links(page)[0] == "Download ZIP (0 pictures)"
    button(page, "Restore all").click().run()
    assert "Restored 1 picture." in html(page)
    assert database.history(1)[-1].who == "Ada"
    button(page, "Undo").click().run()
    assert database.deleted_count() == 1
    button(page, "Look into it").click().run()
    assert page.segmented_control(key="view").value == "History"
    assert page.segmented_control(key="show").value == "In the trash"
    assert "1 to 1 of 1 picture." in html(page)
    assert not page.exception


def test_it_is_emptied_after_asking_only(page: AppTest):
    upload(page, a=png("red"))
    button(page, "Save").click().run()
    database = resources.database()
    database.delete([1])
    page.session_state["reviewer"] = {"name": "Ada"}
    page.segmented_control(key="view").set_value("Data set").run()
    page.button(key="purge").click().run()
    assert database.deleted_count() == 1
    assert any("1 deleted picture with" in m.value for m in page.markdown)
    page.button(key="purge-confirmed").click().run()
    assert database.deleted_count() == 0
    assert "Deleted 1 picture for good." in html(page)
    assert "<b>Ada</b>: 1 picture <small>" in html(page)
    assert not page.exception


def test_what_was_done_is_said_until_something_else_is_shown(
    page: AppTest,
):
    upload(page, a=png("red"))
    button(page, "Save").click().run()
    resources.database().delete([1])
    page.segmented_control(key="view").set_value("Data set").run()
    button(page, "Restore all").click().run()
    button(page, "Undo").click().run()
    assert "Undone for 1 picture" in html(page.run())
    look(page)
    assert "Undone" not in html(page)
