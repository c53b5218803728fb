"""AgGrid for the history: the only place with JavaScript for the grid.

`allow_unsafe_jscode` makes the browser evaluate any `::JSCODE::` string outside the
rows. So every script here is constant text, and people's text (names, labels) stands
in the rows only, never in column definitions.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pandas as pd
import streamlit as st
from st_aggrid import AgGrid, JsCode

from db import HistoryRow
from ui.shared.escape import named
from ui.shared.theme import CORRECT, INCORRECT, PAPER

ROW_HEIGHT = 56
GENERATION = "grid_generation"
VERDICTS = {True: "correct", False: "incorrect", None: "not reviewed"}

_THUMBNAIL = JsCode("""
class Thumbnail {
  init(params) {
    this.eGui = document.createElement('img');
    this.eGui.src = window.location.origin + '/thumb/' + params.value + '.jpg';
    this.eGui.alt = '';
    this.eGui.style.cssText =
      'width:48px;height:48px;object-fit:contain;display:block;margin-top:3px';
  }
  getGui() { return this.eGui; }
  refresh() { return false; }
}
""")

_VERDICT_STYLE = JsCode(f"""
function(params) {{
  const strong = (colour) =>
    ({{color: `color-mix(in srgb, ${{colour}} 65%, currentColor)`, fontWeight: 600}});
  if (params.value === 'correct') return strong('{CORRECT}');
  if (params.value === 'incorrect') return strong('{INCORRECT}');
  return {{opacity: 0.7}};
}}
""")

_NAME = JsCode("""
function(params) {
  return params.data.near_copy ? params.value + ' · near copy' : params.value;
}
""")

_PREDICTION = JsCode("""
function(params) {
  return params.data.outside ? params.value + ' · may be none' : params.value;
}
""")

_PREDICTION_HINT = JsCode("""
function(params) {
  return params.data.outside ? 'May show none of the ten' : null;
}
""")

_PERCENT = JsCode("""
function(params) {
  const p = params.value;
  return p >= 0.995 && p < 1 ? '>99%' : Math.round(100 * p) + '%';
}
""")

_TIME = JsCode("""
function(params) {
  const short = {dateStyle: 'short', timeStyle: 'short'};
  return new Date(params.value).toLocaleString(undefined, short);
}
""")

_ROW_ID = JsCode("function(params) { return String(params.data.image_id); }")

# Only ids travel back: the default sends every row again at each click.
_SELECTED_IDS = JsCode("""
function({streamlitRerunEventTriggerName, eventData}) {
  const nodes = eventData.api.getSelectedNodes();
  return {ids: nodes.filter(n => n.displayed !== false).map(n => n.data.image_id)};
}
""")

CSS = {
    '[class*="ag-theme-params"]': {"--ag-background-color": PAPER},
    ".ag-cell": {"line-height": f"{ROW_HEIGHT - 2}px"},
    ".ag-cell-wrapper": {"height": "100%", "align-items": "center"},
    ".ag-header-cell-text": {"color": "var(--ag-text-color)", "opacity": ".8"},
}
"""In the dark the grid would be a grey of its own. Rows are high for the thumbnail's
sake: text and boxes stand in their middle. Titles are too faint as they come."""


def _column(field: str, title: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "headerName": title, **more}


GRID_OPTIONS: dict[str, Any] = {
    "columnDefs": [
        _column(
            "sha256",
            "Picture",
            cellRenderer=_THUMBNAIL,
            width=68,
            minWidth=68,
            resizable=False,
        ),
        _column(
            "name",
            "Name",
            flex=2,
            minWidth=120,
            tooltipField="name",
            valueFormatter=_NAME,
        ),
        _column(
            "predicted",
            "Prediction",
            flex=1,
            minWidth=146,
            valueFormatter=_PREDICTION,
            tooltipValueGetter=_PREDICTION_HINT,
        ),
        _column(
            "confidence",
            "Confidence",
            width=96,
            type="rightAligned",
            valueFormatter=_PERCENT,
        ),
        _column("label", "Label", flex=1, minWidth=96, tooltipField="label"),
        _column("verdict", "Verdict", width=100, cellStyle=_VERDICT_STYLE),
        _column("created", "Time", width=128, valueFormatter=_TIME),
        _column("model_version", "Model", width=102),
    ],
    # The server sorts and filters: the grid holds one page, and sorting a page
    # would pass for sorting the history.
    "defaultColDef": {"sortable": False, "filter": False, "resizable": True},
    "rowSelection": {
        "mode": "multiRow",
        "checkboxes": True,
        "headerCheckbox": True,
        "enableClickSelection": True,
        "enableSelectionWithoutKeys": True,
    },
    "rowHeight": ROW_HEIGHT,
    "getRowId": _ROW_ID,
    "overlayNoRowsTemplate": "Nothing here.",
    "suppressCellFocus": False,
    "animateRows": False,
}


def rows_frame(rows: Sequence[HistoryRow]) -> pd.DataFrame:
    """The page's rows as the grid takes them; text goes in as it is."""
    columns = [
        "image_id",
        "sha256",
        "name",
        "predicted",
        "confidence",
        "label",
        "created",
        "model_version",
        "near_copy",
    ]
    records = [
        {name: getattr(row, name) for name in columns}
        | {
            "label": named(row.label or ""),
            "verdict": VERDICTS[row.correct],
            "outside": row.in_scope is False,
        }
        for row in rows
    ]
    return pd.DataFrame.from_records(records, columns=[*columns, "verdict", "outside"])


def forget_selection() -> None:
    """Empty the grid's selection, which has been dealt with: a new key does."""
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def render_grid(rows: Sequence[HistoryRow], *, key: str) -> list[int]:
    """Draw one page of the history; returns the ids of the selected rows on it."""
    answer = AgGrid(
        rows_frame(rows),
        gridOptions=deepcopy(GRID_OPTIONS),  # AgGrid writes into what it is given
        height=min(len(rows), 10) * ROW_HEIGHT + 52,
        allow_unsafe_jscode=True,
        custom_css=CSS,
        data_return_mode="CUSTOM",
        custom_jscode_for_grid_return=_SELECTED_IDS,
        update_on=[("selectionChanged", 150)],
        show_search=False,
        show_download_button=False,
        key=f"{key}-{st.session_state.get(GENERATION, 0)}",
    )
    chosen = answer.get("ids") if answer else None
    on_page = {row.image_id for row in rows}
    return [int(i) for i in chosen or [] if int(i) in on_page]
