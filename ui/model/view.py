"""The view *Model*: where it errs, how far to trust it, class by class.

All of it comes from people's reviews. Each chart says how many it counts, and can be
taken away as a picture (its own button) and as a table.
"""

import csv
import io
from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
import streamlit as st

from dataset.names import neutral
from db import Agreement, BinCount, Database, MatrixCell, VersionCount, WayCount, wilson
from model.classes import CLASSES
from ui.history.filters import show_disputed, show_pictures
from ui.model import charts
from ui.model.learning import render_learning
from ui.model.shares import (
    ClassFigures,
    Counted,
    Share,
    by_class,
    everything,
    one_by_one,
    share,
)
from ui.shared.escape import percent, plain
from ui.shared.track_record import ENOUGH
from workflow.words import count

MATRIX = "model-matrix"
NOTHING = (
    "Nothing to show yet. Review some pictures and save them: these charts count what "
    "people said of the model's answers."
)
ONLY_BULK = "All so far were confirmed in bulk. Nobody looked at each of them."
Rows = Iterable[Sequence[str | int | float]]


def table(header: Sequence[str], rows: Rows) -> bytes:
    """A CSV file; text that a spreadsheet would take for a formula is made harmless."""
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(header)
    for row in rows:
        write.writerow([neutral(c) if isinstance(c, str) else c for c in row])
    return out.getvalue().encode()


def few(n: int) -> str:
    """A warning where there is little to go by; "" where there is enough."""
    return f" Few so far: a first hint, no more ({n:,})." if n < ENOUGH else ""


def _render_download(name: str, data: bytes) -> None:
    st.download_button(
        "Table as CSV",
        data,
        f"{name}.csv",
        "text/csv",
        key=f"csv-{name}",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def _config(name: str) -> dict[str, object]:
    """Plotly's one button: the chart as a picture."""
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"filename": name, "scale": 2},
        "scrollZoom": False,
    }


def _render_chart(name: str, figure: go.Figure, alt: str) -> None:
    st.plotly_chart(figure, key=f"chart-{name}", config=_config(name), alt=alt)


def on_cell() -> None:
    """Go to the pictures of the cell that was clicked."""
    chosen = st.session_state[MATRIX].selection.points
    if chosen:
        label, predicted, *_ = chosen[0]["customdata"]
        show_pictures(label, predicted)


def named_classes(classes: Sequence[str]) -> str:
    """How the captions call them."""
    own = len(classes) - len(CLASSES)
    return (
        f"the ten classes and {count(own, 'learned one')}"
        if own
        else ("the ten classes")
    )


def _render_matrix(
    cells: Sequence[MatrixCell], counted: Counted, classes: Sequence[str]
) -> None:
    st.subheader("What it mixes up")
    ours = sum(counted(c) for c in cells if c.label)
    other = sum(counted(c) for c in cells if not c.label)
    st.caption(
        f"{count(ours, 'reviewed picture')} of {named_classes(classes)} and "
        f"{other:,} of none of them. A row is what the pictures show, a column what "
        "the model said; green is right, orange a mistake. Click a number to see its "
        "pictures." + few(ours)
    )
    st.plotly_chart(
        charts.matrix(cells, counted, classes),
        key=MATRIX,
        on_select=on_cell,
        selection_mode="points",
        config=_config("confusion"),
        alt="How often each class was answered in which way",
    )
    rows = [(c.label or charts.OUTSIDE, c.predicted, counted(c)) for c in cells]
    header = ("label", "answer", "pictures")
    _render_download("confusion", table(header, (r for r in rows if r[2])))


def _cell(found: Share) -> str:
    return f"<td>{found.text}<small>{found.interval}</small></td>"


def classes_html(figures: Sequence[ClassFigures]) -> str:
    """The figures class by class, as an HTML table."""
    lines = "".join(
        f"<tr><th>{plain(f.label)}</th><td>{f.pictures:,}</td>"
        f"{_cell(f.precision)}{_cell(f.recall)}{_cell(f.f1)}</tr>"
        for f in figures
    )
    return (
        '<table class="figures"><thead><tr><th>Class</th><th>Pictures</th>'
        "<th>Precision</th><th>Recall</th><th>F1</th></tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )


def _numbers(found: Share) -> tuple[float, float, float]:
    return round(found.value, 4), round(found.low, 4), round(found.high, 4)


def _render_classes(
    cells: Sequence[MatrixCell], counted: Counted, classes: Sequence[str]
) -> None:
    figures = by_class(cells, counted, classes)
    n = sum(f.pictures for f in figures)
    st.subheader("Class by class")
    st.caption(
        f"From {count(n, 'reviewed picture')} of {named_classes(classes)}, with 95% "
        "intervals. Precision: when it says cat, how often it is one. Recall: of all "
        "cats, how many it finds. F1: the two in one number." + few(n)
    )
    st.html(classes_html(figures))
    measures = ("precision", "recall", "f1")
    header = [f"{m}{end}" for m in measures for end in ("", "_low", "_high")]
    rows = [
        (
            f.label,
            f.pictures,
            *_numbers(f.precision),
            *_numbers(f.recall),
            *_numbers(f.f1),
        )
        for f in figures
    ]
    _render_download("classes", table(["class", "pictures", *header], rows))


def _render_reliability(bins: Sequence[BinCount]) -> None:
    n = sum(b.pictures for b in bins)
    st.subheader("Is it as right as it is sure?")
    if not n:
        st.write(ONLY_BULK)
        return
    st.caption(
        f"The newest {count(n, 'review')} of the ten classes. On the dotted line it is "
        "right as often as it says; below it, it is too sure." + few(n)
    )
    alt = "How often the model was right, by how sure it was"
    _render_chart("reliability", charts.reliability(bins), alt)
    rows = ((round(b.confidence, 4), b.pictures, b.right) for b in bins)
    header = ("mean_confidence", "pictures", "right")
    _render_download("reliability", table(header, rows))


def _render_versions(counts: Sequence[VersionCount]) -> None:
    n = sum(c.pictures for c in counts)
    st.subheader("Version by version")
    if not n:
        st.write(ONLY_BULK)
        return
    st.caption(
        "Each model on the reviewed pictures that it answered itself, how many in "
        "brackets. Different pictures: compare with care." + few(n)
    )
    alt = "Accuracy of each version of the model"
    _render_chart("versions", charts.versions(counts), alt)
    rows = (
        (c.version, c.pictures, *_numbers(share(c.right, c.pictures))) for c in counts
    )
    _render_download(
        "versions", table(("version", "pictures", "right", "low", "high"), rows)
    )


def _render_flag(ways: Sequence[WayCount]) -> None:
    other, caught = sum(w.other for w in ways), sum(w.caught for w in ways)
    ours = sum(w.right + w.wrong for w in ways)
    alarms = sum(w.alarms for w in ways)
    st.subheader("Does it notice what is none of the ten?")
    if not other:
        st.caption("Nobody has reviewed a picture of none of the ten yet.")
        return
    st.caption(
        f"Its flag “may be none of the ten” caught {caught:,} of {other:,} such "
        f"pictures, and {alarms:,} of {ours:,} of the ten by mistake." + few(other)
    )
    alt = "Flagged pictures, of none of the ten and of the ten"
    _render_chart("flag", charts.flag(caught, other, alarms, ours), alt)
    rows = ((charts.OUTSIDE, other, caught), ("the ten", ours, alarms))
    _render_download("flag", table(("pictures_of", "pictures", "flagged"), rows))


def _counted(cells: Sequence[MatrixCell]) -> Counted:
    """What counts of each cell, as the person chose."""
    bulk = sum(c.bulk for c in cells)
    if not bulk:
        return everything
    chosen = st.toggle(f"Count the {bulk:,} confirmed in bulk, too", key="model-bulk")
    return everything if chosen else one_by_one


def agreement_text(found: Agreement) -> str:
    """How often people agree, with the interval, in words; "" for one alone."""
    if not found.pictures:
        return ""
    low, high = wilson(found.agreed, found.pictures)
    return (
        f"People agree on {percent(found.agreed / found.pictures)} of "
        f"{count(found.pictures, 'picture')} that two or more of them judged (95% "
        f"interval: {percent(low)} to {percent(high)}).{few(found.pictures)}"
    )


def _render_agreement(found: Agreement) -> None:
    if text := agreement_text(found):
        st.subheader("Do people agree?")
        st.write(text)
        if found.agreed < found.pictures:
            st.button(
                "Show where they differ",
                key="model-disputed",
                type="tertiary",
                on_click=show_disputed,
            )


def render_model_view(database: Database) -> None:
    """Draw it: learning first, which is what one comes to do, then the figures."""
    with st.container(key="model-learning"):
        render_learning(database)
    _render_figures(database)


def _render_figures(database: Database) -> None:
    learned = database.learned_classes()
    cells, classes = database.confusion(learned), (*CLASSES, *learned)
    if not cells:
        st.write(NOTHING)
        return
    counted = _counted(cells)
    if not any(counted(c) for c in cells):
        st.write(ONLY_BULK)
        return
    with st.container(key="model-figures"):
        _render_matrix(cells, counted, classes)
        _render_classes(cells, counted, classes)
        left, right = st.columns(2, gap="large")
        with left:
            _render_reliability(database.reliability())
        with right:
            _render_versions(database.versions())
        ways = database.ways()
        some = [w for w in ways if w.way != "bulk" or counted is everything]
        _render_flag(some)
        _render_agreement(database.agreement())
