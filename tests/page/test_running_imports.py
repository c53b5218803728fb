"""What the page says of imports in the background."""

from ui.data_set.running_imports import over_text, progress_text
from workflow.jobs import Job

RUNNING = Job("1", "a.zip", state="running", total=8983, here=4100, saved=40, known=2)


def test_how_far_an_import_is():
    text = "Importing: 42 of 8,983 pictures; 4,100 were here already."
    assert progress_text(RUNNING) == text
    sent = Job("1", "a.zip")
    assert progress_text(sent) == "Being sent."
    counting = Job("1", "a.zip", state="counting", total=12, looked_at=5)
    assert progress_text(counting) == "Counting: 5 of 12 pictures."


def test_what_became_of_an_import():
    done = Job("1", "a.zip", state="done", said="3 pictures imported.")
    assert over_text(done) == "3 pictures imported."
    failed = Job("1", "a.zip", state="failed", error="Nothing was imported.")
    assert over_text(failed) == "Nothing was imported."
    cancelled = Job("1", "a.zip", state="cancelled", said="3 pictures imported.")
    assert over_text(cancelled) == "Cancelled. 3 pictures imported."
