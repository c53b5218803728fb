"""The sidebar: how good the model is on these pictures, from reviews alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from db import LabelCount, Statistics, wilson
from model.classifier import Classifier
from ui.shared.escape import chart, count, percent
from ui.shared.theme import CORRECT, INCORRECT
from ui.shared.track_record import Bins, confidence_text

MOST_BARS = 24
ROW_PIXELS = 26
TITLES_PIXELS = 72
"""The legend's two lines above the bars, numbers below them."""


def _mark_axes(figure: go.Figure, names: Sequence[str], longest: int) -> None:
    """Labels beside the bars, whole numbers of pictures below them."""
    # Between whole pictures there is nothing to mark.
    steps = {"dtick": 1} if longest < 5 else {"nticks": 5}
    figure.update_xaxes(rangemode="tozero", tickformat=",d", **steps)
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[n if len(n) <= 16 else n[:15] + "…" for n in names],
        autorange="reversed",
        automargin=True,
    )


def distribution(classes: Sequence[LabelCount]) -> go.Figure:
    """Stacked horizontal bars, one a label: correct against incorrect.

    Labels stand in the order of their counts, the largest on top. Past `MOST_BARS`
    the rest is one bar, so that a thousand labels of people's own cannot make a
    chart of a thousand bars.
    """
    ranked = sorted(classes, key=lambda c: (-(c.correct + c.incorrect), c.label))
    shown, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    names = [chart(c.label) for c in shown]
    right, wrong = [c.correct for c in shown], [c.incorrect for c in shown]
    if rest:
        names.append(f"{len(rest)} more labels")
        right.append(sum(c.correct for c in rest))
        wrong.append(sum(c.incorrect for c in rest))
    # Labels are data: placed by position, so that no label is read as a number.
    places = list(range(len(names)))
    figure = go.Figure()
    for title, values, colour in (
        ("Correct", right, CORRECT),
        ("Incorrect", wrong, INCORRECT),
    ):
        figure.add_bar(
            y=places,
            x=values,
            name=title,
            orientation="h",
            marker_color=colour,
            customdata=names,
            hovertemplate=f"%{{customdata}}: %{{x}} {title.lower()}<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        height=TITLES_PIXELS + ROW_PIXELS * len(names),
        margin={"l": 0, "r": 8, "t": 44, "b": 28},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        legend_traceorder="normal",
        bargap=0.25,
    )
    longest = max((r + w for r, w in zip(right, wrong, strict=True)), default=0)
    _mark_axes(figure, names, longest)
    return figure


def accuracy_text(statistics: Statistics) -> str:
    """The interval and what it rests on, in words."""
    low, high = wilson(statistics.correct, statistics.reviewed)
    return (
        f"{statistics.correct:,} of {statistics.reviewed:,} reviewed are correct. "
        f"95% interval: {percent(low)} to {percent(high)}."
    )


MEASURED = {
    "test": "CIFAR-10 test pictures",
    "photographs": "real photographs",
}
"""Sets of the model card that the sidebar tells of: nothing was fitted to them."""


def model_text(card: Mapping[str, Any]) -> str:
    """How often the model was right on pictures it never saw, small and large."""
    figures = card.get("figures", {})
    shares = [
        f"{figures[name]['top1']:.0f}% of {what}"
        for name, what in MEASURED.items()
        if name in figures
    ]
    return f"Right on {' and '.join(shares)}." if shares else ""


def model_details(classifier: Classifier) -> str:
    """Which model is at work, and what its figures rest on."""
    card = classifier.bundle.card
    figures = card.get("figures", {})
    lines = [f"Model {classifier.version}, {classifier.engine}."]
    lines += [
        f"{figures[name]['top1']:.1f}% of {figures[name]['n']:,} {what}."
        for name, what in MEASURED.items()
        if name in figures
    ]
    passing = card.get("scope", {}).get("outside_that_passes", {}).get("photographs")
    if passing is not None:
        lines.append(
            f"“May be none of the ten” catches {(100 - passing) / 10:.0f} of 10"
            " photographs of other things."
        )
    return " ".join(lines)


def render_overview(statistics: Statistics, bins: Bins) -> None:
    """Draw accuracy and distribution, or say how to get them.

    Args:
        statistics: of all pictures.
        bins: how the model at work did, as `ui.shared.track_record` adds it up.
    """
    st.subheader("Accuracy")
    if not statistics.reviewed:
        st.write(
            "Nothing reviewed yet. Confirm or correct pictures and save them: "
            "accuracy counts reviewed pictures only."
        )
        if statistics.unreviewed:
            st.write(f"{count(statistics.unreviewed, 'picture')} wait for a review.")
        return
    share = statistics.correct / statistics.reviewed
    st.metric("Accuracy", percent(share, 1), label_visibility="collapsed")
    st.caption(f"{accuracy_text(statistics)} {confidence_text(bins)}")
    st.subheader("By label")
    st.plotly_chart(
        distribution(statistics.classes),
        key="distribution",
        config={"displayModeBar": False},
        alt="Correct and incorrect predictions for each label",
    )
    if statistics.unreviewed:
        st.caption(f"{count(statistics.unreviewed, 'more picture')} not reviewed.")
