"""The figures of the view *Model*, as Plotly draws them.

They have no background of their own and colours that are readable on light and dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from db import BinCount, MatrixCell, VersionCount
from model.classes import CLASSES
from ui.model.shares import Counted, Share, share
from ui.shared.escape import chart
from ui.shared.theme import CORRECT, INCORRECT

ACCENT = "#6366f1"
GREY = "#8b8d9b"
OUTSIDE = "none of the ten"
SHADES = [
    [0.0, "rgba(217,95,2,.8)"],
    [0.499, "rgba(217,95,2,.02)"],
    [0.5, "rgba(139,141,155,.06)"],
    [0.501, "rgba(27,158,119,.02)"],
    [1.0, "rgba(27,158,119,.75)"],
]
"""A mistake by its share is orange, what is right is green."""
GREYS = [[0.0, "rgba(139,141,155,.04)"], [1.0, "rgba(139,141,155,.6)"]]
ROW_PIXELS = 34
VERSION_DIGITS = 8
PERCENTS: dict[str, Any] = {"tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}


def _plain_look(figure: go.Figure, height: int, **more: Any) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 24, "t": 28, "b": 8},
        showlegend=False,
        hovermode="closest",
        **more,
    )
    figure.update_xaxes(zeroline=False, automargin=True)
    figure.update_yaxes(zeroline=False, automargin=True)
    return figure


@dataclass(frozen=True)
class _Matrix:
    """Counts: rows by label, the last for what is no class; columns by answer."""

    classes: Sequence[str]
    rows: list[list[int]]

    @classmethod
    def of(
        cls, cells: Sequence[MatrixCell], counted: Counted, classes: Sequence[str]
    ) -> "_Matrix":
        place = {name: n for n, name in enumerate(classes)} | {"": len(classes)}
        rows = [[0] * len(classes) for _ in place]
        for cell in cells:
            if cell.predicted in classes and cell.label in place:
                rows[place[cell.label]][place[cell.predicted]] += counted(cell)
        return cls(classes, rows)

    @property
    def labels(self) -> list[str]:
        return [*map(chart, self.classes), OUTSIDE]

    def told(self, y: int, x: int) -> str:
        n, total = self.rows[y][x], sum(self.rows[y])
        answer = self.labels[x]
        return f"{n:,} of {total:,} {self.labels[y]}: answered {answer}"


def _cells(counts: _Matrix) -> go.Scatter:
    """The numbers, which also take the clicks: a heat map takes none in Streamlit."""
    rows, names = counts.rows, [*counts.classes, ""]
    spots = [(y, x, n) for y, row in enumerate(rows) for x, n in enumerate(row) if n]
    return go.Scatter(
        x=[x for _, x, _ in spots],
        y=[y for y, _, _ in spots],
        text=[f"{n:,}" for _, _, n in spots],
        customdata=[[names[y], names[x], counts.told(y, x)] for y, x, _ in spots],
        mode="markers+text",
        marker={"size": 30, "opacity": 0, "symbol": "square"},
        textfont={"size": 13},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="%{customdata[2]}<extra></extra>",
    )


def _shades(rows: Sequence[Sequence[int]]) -> list[go.Heatmap]:
    """What is right, what is a mistake, and below them what is no class."""
    # By the root: a few mistakes among many right ones are to be seen, too.
    shares = [[(n / (sum(row) or 1)) ** 0.5 for n in row] for row in rows]
    signed = [
        [s if x == y else -s for x, s in enumerate(row)]
        for y, row in enumerate(shares[:-1])
    ]
    flat = {"showscale": False, "xgap": 2, "ygap": 2, "hoverinfo": "skip"}
    places = list(range(len(signed)))
    return [
        go.Heatmap(
            x=places, y=places, z=signed, zmin=-1, zmax=1, colorscale=SHADES, **flat
        ),
        go.Heatmap(
            x=places,
            y=[len(places)],
            z=shares[-1:],
            zmin=0,
            zmax=1,
            colorscale=GREYS,
            **flat,
        ),
    ]


def matrix(
    cells: Sequence[MatrixCell], counted: Counted, classes: Sequence[str] = CLASSES
) -> go.Figure:
    """What pictures show, against what the model said."""
    counts, n = _Matrix.of(cells, counted, classes), len(classes)
    figure = go.Figure([*_shades(counts.rows), _cells(counts)])
    _plain_look(figure, 120 + ROW_PIXELS * n, dragmode=False)
    figure.update_xaxes(
        tickvals=list(range(n)),
        ticktext=counts.labels[:-1],
        autotickangles=[-45, -90],
        range=[-0.5, n - 0.5],
        showgrid=False,
        title="The model said",
    )
    figure.update_yaxes(
        tickvals=list(range(n + 1)),
        ticktext=counts.labels,
        range=[n + 0.5, -0.5],
        showgrid=False,
        title="It is",
    )
    return figure


def _spread(shares: Sequence[Share]) -> dict[str, Any]:
    """Error bars: the 95% intervals."""
    return {
        "type": "data",
        "array": [s.high - s.value for s in shares],
        "arrayminus": [s.value - s.low for s in shares],
        "color": GREY,
        "thickness": 1.5,
        "width": 4,
    }


def reliability(bins: Sequence[BinCount]) -> go.Figure:
    """How sure the model was, against how often it was right."""
    shares = [share(b.right, b.pictures) for b in bins]
    line = go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "color": GREY},
        hoverinfo="skip",
    )
    points = go.Scatter(
        x=[b.confidence for b in bins],
        y=[s.value for s in shares],
        error_y=_spread(shares),
        mode="markers",
        marker={"size": 11, "color": ACCENT},
        customdata=[[f"{s.interval}, {s.n:,} reviewed"] for s in shares],
        hovertemplate="%{x:.0%} sure: %{y:.0%} right (%{customdata[0]})<extra></extra>",
    )
    figure = _plain_look(go.Figure([line, points]), 320, dragmode=False)
    figure.update_xaxes(range=[0, 1.02], title="How sure it was", **PERCENTS)
    figure.update_yaxes(range=[-0.02, 1.04], title="How often right", **PERCENTS)
    return figure


def versions(counts: Sequence[VersionCount]) -> go.Figure:
    """The accuracy of each version, the newest on top."""
    shares = [share(c.right, c.pictures) for c in counts]
    places = list(range(len(counts)))
    points = go.Scatter(
        x=[s.value for s in shares],
        y=places,
        error_x=_spread(shares),
        mode="markers",
        marker={"size": 11, "color": ACCENT},
        customdata=[[f"{s.interval}, {s.n:,} reviewed"] for s in shares],
        hovertemplate="%{x:.0%} right (%{customdata[0]})<extra></extra>",
    )
    figure = _plain_look(go.Figure([points]), 120 + 44 * len(counts), dragmode=False)
    figure.update_xaxes(range=[0, 1.02], title="Right", **PERCENTS)
    figure.update_yaxes(
        tickvals=places,
        ticktext=[
            f"{chart(c.version[:VERSION_DIGITS])} ({c.pictures:,})" for c in counts
        ],
        range=[len(counts) - 0.5, -0.5],
        showgrid=False,
    )
    return figure


def flag(caught: int, other: int, alarms: int, ours: int) -> go.Figure:
    """Pictures of none of the ten and of the ten: how many were flagged."""
    names, totals = [OUTSIDE, "the ten"], [other, ours]
    figure = go.Figure()
    for title, values, colours in (
        ("flagged", [caught, alarms], [CORRECT, INCORRECT]),
        ("not flagged", [other - caught, ours - alarms], [INCORRECT, CORRECT]),
    ):
        figure.add_bar(
            y=names,
            x=[v / (n or 1) for v, n in zip(values, totals, strict=True)],
            orientation="h",
            marker={"color": colours},
            text=[f"{v:,} {title}" if v else "" for v in values],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    _plain_look(figure, 170, barmode="stack", bargap=0.3, dragmode=False)
    figure.update_xaxes(range=[0, 1], showgrid=False, **PERCENTS)
    figure.update_yaxes(autorange="reversed")
    return figure
