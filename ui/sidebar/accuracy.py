"""The sidebar: how good the model is on these pictures, from reviews alone.

The headline counts pictures of the model's ten classes that a person judged one at a
time. An interval stands beside it only where the pictures were drawn at random, as
anything else says little of the rest; the page then says how they came to be reviewed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from db import (
    NONE,
    Database,
    Estimate,
    LabelCount,
    Sample,
    Statistics,
    WayCount,
)
from model.classes import CLASSES
from model.classifier import Classifier
from ui.shared.clock import here
from ui.shared.escape import chart, named, percent
from ui.shared.theme import CORRECT, INCORRECT
from ui.sidebar.check import render_bulk_check, render_check
from workflow.words import count

OWN = "your own labels"
ROW_PIXELS = 26
TITLES_PIXELS = 72
"""The legend's two lines above the bars, numbers below them."""
CHOSEN = {
    ("queue", "uncertain"): "you reviewed the most uncertain first",
    ("queue", "mistakes"): "you reviewed suspected mistakes first",
    ("queue", "uploaded"): "you reviewed them in the order of upload",
    ("queue", "random"): "you reviewed some uploads at random, not all",
    ("queue", "disputed"): "you reviewed first where people disagree",
    ("card", ""): "you chose which ones to review",
    ("history", ""): "you chose which ones to review",
    ("import", ""): "the reviews were imported",
    ("api", ""): "a program sent the reviews",
}
"""Why reviews in such a way are no fair sample."""


@dataclass(frozen=True)
class Reviewed:
    """All reviewed pictures, added up.

    Attributes:
        right, wrong: of the ten classes, judged one at a time.
        bulk: confirmed many at once.
        chosen: why the reviewed ones are no fair sample.
    """

    right: int
    wrong: int
    bulk: int
    chosen: str

    @property
    def judged(self) -> int:
        """Pictures that the headline counts."""
        return self.right + self.wrong


def added_up(ways: Sequence[WayCount]) -> Reviewed:
    """What the headline says, from the counts by way."""
    single = [w for w in ways if w.way != "bulk"]
    most = max(single, key=lambda w: w.right + w.wrong, default=None)
    key = (most.way, most.order) if most else ("", "")
    return Reviewed(
        sum(w.right for w in single),
        sum(w.wrong for w in single),
        sum(w.right + w.wrong + w.other for w in ways if w.way == "bulk"),
        CHOSEN.get(key, "nobody noted how they were chosen"),
    )


def fair_text(found: Estimate, sample: Sample) -> str:
    """Where the estimate comes from, in words."""
    if found.checked == sample.population:
        pictures = count(sample.population, "picture")
        return f"All {pictures} saved by {here(sample.created)} were checked."
    return (
        f"95% interval: {percent(found.low)} to {percent(found.high)}. A fair sample: "
        f"{found.checked:,} checked of the {count(sample.population, 'picture')} saved "
        f"by {here(sample.created)}."
    )


def accuracy_text(reviewed: Reviewed, *, fair: bool) -> str:
    """What the reviewed pictures alone say, in words."""
    text = f"{reviewed.right:,} of {reviewed.judged:,} you reviewed are right."
    return text if fair else f"{text} Not a fair sample: {reviewed.chosen}."


def outside_text(labels: dict[str, tuple[int, int]]) -> str:
    """Pictures of none of the ten classes, and how many of them were flagged."""
    none, caught = labels.get(NONE, (0, 0))
    own = [counts for label, counts in labels.items() if label != NONE]
    told = [
        (none, caught, "of none of the ten"),
        (sum(n for n, _ in own), sum(c for _, c in own), "with labels of your own"),
    ]
    texts = [f"{n:,} {what} (the model warned of {c:,})" for n, c, what in told if n]
    return f"Not counted: {' and '.join(texts)}." if texts else ""


def bulk_text(reviewed: Reviewed) -> str:
    """What was confirmed many at once, in words; "" where nothing was."""
    if not reviewed.bulk:
        return ""
    return f"Counted apart: {reviewed.bulk:,} confirmed in bulk, not one by one."


def folded(classes: Sequence[LabelCount]) -> list[LabelCount]:
    """The ten classes, none of these, and all labels of people's own as one."""
    own = [c for c in classes if c.label not in (*CLASSES, NONE)]
    known = [c for c in classes if c.label in (*CLASSES, NONE)]
    if own:
        right, wrong = sum(c.correct for c in own), sum(c.incorrect for c in own)
        known.append(LabelCount(OWN, right, wrong))
    ranked = sorted(known, key=lambda c: (-(c.correct + c.incorrect), c.label))
    return sorted(ranked, key=lambda c: c.label not in CLASSES)


def _mark_axes(figure: go.Figure, names: Sequence[str], longest: int) -> None:
    """Labels beside the bars, whole numbers of pictures below them."""
    # Between whole pictures there is nothing to mark.
    steps = {"dtick": 1} if longest < 5 else {"nticks": 5}
    figure.update_xaxes(rangemode="tozero", tickformat=",d", **steps)
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        autorange="reversed",
        automargin=True,
    )


def distribution(classes: Sequence[LabelCount]) -> go.Figure:
    """Stacked horizontal bars, one a label: correct against incorrect.

    Classes stand in the order of their counts, what is none of them below: at most
    twelve bars, however many labels people have typed.
    """
    shown = folded(classes)
    names = [chart(named(c.label)) for c in shown]
    right, wrong = [c.correct for c in shown], [c.incorrect for c in shown]
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
    if classifier.version != classifier.bundle.version:
        lines.append("It learned from your reviews; the figures are from before that.")
    lines += [
        f"{figures[name]['top1']:.1f}% of {figures[name]['n']:,} {what}."
        for name, what in MEASURED.items()
        if name in figures
    ]
    passing = card.get("scope", {}).get("outside_that_passes", {}).get("photographs")
    if passing is not None:
        lines.append(
            "“May show none of the ten” catches"
            f" {(100 - passing) / 10:.0f} of 10 photographs of other things."
        )
    return " ".join(lines)


def _render_headline(reviewed: Reviewed, sample: Sample | None) -> None:
    found = sample.estimate() if sample else None
    if not (found or reviewed.judged):
        st.write(
            "Nothing reviewed yet, one by one. Confirm or correct pictures and save "
            "them: accuracy counts those of the ten classes."
        )
        return
    share = found.share if found else reviewed.right / reviewed.judged
    st.metric("Accuracy", percent(share, 1), label_visibility="collapsed")
    fair = fair_text(found, sample) if found and sample else ""
    seen = accuracy_text(reviewed, fair=bool(found)) if reviewed.judged else ""
    st.caption(f"{fair} {seen}".strip())


def render_overview(database: Database) -> None:
    """Draw accuracy and distribution, or say how to get them."""
    statistics, sample = database.statistics(), database.sample()
    reviewed = added_up(database.ways())
    _render_headline(reviewed, sample)
    render_check(database, sample, statistics)
    if outside := outside_text(database.flagged_labels()):
        st.caption(outside)
    if bulk := bulk_text(reviewed):
        st.caption(bulk)
        render_bulk_check(database)
    if statistics.reviewed:
        _render_distribution(statistics)
    elif statistics.unreviewed:
        st.write(f"{count(statistics.unreviewed, 'picture')} wait for a review.")


def _render_distribution(statistics: Statistics) -> None:
    st.subheader("By label")
    st.plotly_chart(
        distribution(statistics.classes),
        key="distribution",
        config={"displayModeBar": False},
        alt="Correct and incorrect predictions for each label",
    )
    if statistics.unreviewed:
        st.caption(f"{count(statistics.unreviewed, 'more picture')} not reviewed.")
