"""Imports in the background: how far each is; pause, resume, cancel."""

from collections.abc import Callable, Sequence

import streamlit as st

from ui.shared.clock import here
from ui.shared.escape import plain
from workflow.jobs import Job, Jobs, NoSuchJob, jobs
from workflow.words import count

SHOWN = 5
"""Imports that are over and still told of."""
EVERY_S = 1.0
RUNNING = {
    "receiving": "Being sent",
    "counting": "Counting",
    "counted": "Counted",
    "running": "Importing",
    "paused": "Paused",
}


def progress_text(job: Job) -> str:
    """How far a job is that is not over, in words."""
    text = RUNNING[job.state]
    if job.total:
        text += f": {job.done:,} of {count(job.total, 'picture')}"
        if job.here:
            text += f"; {job.here:,} were here already"
    return f"{text}."


def over_text(job: Job) -> str:
    """What became of a job that is over, in words."""
    text = job.error or job.said
    return f"Cancelled. {text}" if job.state == "cancelled" else text


def _act(act: Callable[[str], Job], job_id: str) -> None:
    try:
        act(job_id)
    except (NoSuchJob, OSError):  # forgotten meanwhile, or the disk is full
        st.toast("That import cannot be changed any more.")


def _render_running(job: Job) -> None:
    all_ = jobs()
    st.html(f"<b>{plain(job.name)}</b>")
    share = job.done / job.total if job.total else 0.0
    st.progress(min(share, 1.0), text=progress_text(job))
    if job.error:
        st.html(f'<p role="alert">{plain(job.error)}</p>')
    acts: dict[str, Callable[[str], Job]] = {"Cancel": all_.cancel}
    if job.state == "paused":
        acts = {"Resume": all_.resume} | acts
    elif job.state == "counted":
        acts = {"Bring them in": all_.go} | acts
    elif job.state != "receiving":
        acts = {"Pause": all_.pause} | acts
    with st.container(horizontal=True):
        for word, act in acts.items():
            st.button(
                word, key=f"import-{word}-{job.id}", on_click=_act, args=(act, job.id)
            )


def render_imports() -> None:
    """Draw the imports; while one is at work, anew each second."""
    all_ = jobs()
    if any(not job.over and job.state != "paused" for job in all_.all()):
        st.fragment(_render_live, run_every=EVERY_S)(all_)
    else:
        _render(all_.all())


def _render_live(all_: Jobs) -> None:
    found = all_.all()
    _render(found)
    if all(job.over or job.state == "paused" for job in found):
        st.rerun()  # what it brought in is counted elsewhere on the page


def _render(found: Sequence[Job]) -> None:
    for job in found:
        if not job.over:
            _render_running(job)
    over = [job for job in found if job.over][:SHOWN]
    if over:
        with st.expander("Earlier imports"):
            lines = "".join(
                f"<li>{plain(here(job.ended))}, <b>{plain(job.name)}</b>: "
                f"{plain(over_text(job))}</li>"
                for job in over
            )
            st.html(f'<ul class="imports">{lines}</ul>')
