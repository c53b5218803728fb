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
from ui.shared.theme import ACCENT, CORRECT, INCORRECT, PAPER

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

# On a narrow page what matters least makes room: the side panel tells it all.
_FIT = JsCode("""
function(params) {
  const room = params.clientWidth;
  params.api.setColumnsVisible(['created'], room > 740);
  params.api.setColumnsVisible(['verdict'], room > 560);
  params.api.setColumnsVisible(['confidence'], room > 460);
}
""")

# The grid stands in a frame of its own, which has none of the page's fonts.
_FONT = JsCode("""
function() {
  const page = window.parent.document;
  const faces = [];
  for (const sheet of page.styleSheets) {
    const base = sheet.href || page.baseURI;
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof window.parent.CSSFontFaceRule)) continue;
      const whole = (_, quote, url) => 'url("' + new URL(url, base).href + '")';
      faces.push(rule.cssText.replace(/url\\((["']?)([^"')]+)\\1\\)/g, whole));
    }
  }
  const style = document.createElement('style');
  const app = page.querySelector('[data-testid="stApp"]');
  const font = window.parent.getComputedStyle(app).fontFamily;
  style.textContent = faces.join('') + '[class*="ag-theme"] {' +
    '--ag-font-family: ' + font + ' !important; --ag-font-size: 15px !important;}';
  document.head.append(style);
}
""")

# A picture is looked at large, in the page's own viewer: all of this page of the grid.
_LOOK = JsCode("""
function(event) {
  if (event.colDef.field !== 'sha256') return;
  const pictures = [];
  event.api.forEachNode(({data}) => pictures.push({
    name: data.name,
    small: window.location.origin + '/thumb/' + data.sha256 + '.jpg',
    large: window.location.origin + '/original/' + data.sha256,
    width: data.width,
    height: data.height,
    said: data.predicted + ', ' + Math.round(100 * data.confidence) + '%',
  }));
  window.parent.__viewPictures?.(pictures, event.rowIndex);
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
    ".ag-row.shown": {"box-shadow": f"inset 4px 0 0 {ACCENT}"},
    '.ag-cell[col-id="sha256"]': {"cursor": "zoom-in"},
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
            minWidth=90,
            tooltipField="name",
            valueFormatter=_NAME,
        ),
        _column(
            "predicted",
            "Prediction",
            flex=1,
            minWidth=118,
            valueFormatter=_PREDICTION,
            tooltipValueGetter=_PREDICTION_HINT,
        ),
        _column(
            "confidence",
            "Confidence",
            width=92,
            type="rightAligned",
            valueFormatter=_PERCENT,
        ),
        _column("label", "Label", flex=1, minWidth=84, tooltipField="label"),
        _column("verdict", "Verdict", width=100, cellStyle=_VERDICT_STYLE),
        _column("created", "Time", width=128, valueFormatter=_TIME),
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
    "rowClassRules": {"shown": "data.shown"},
    "onFirstDataRendered": _FONT,
    "onGridSizeChanged": _FIT,
    "onCellClicked": _LOOK,
    "overlayNoRowsTemplate": "Nothing here.",
    "suppressCellFocus": False,
    "animateRows": False,
}


def rows_frame(rows: Sequence[HistoryRow], shown: int | None = None) -> pd.DataFrame:
    """The page's rows as the grid takes them; text goes in as it is.

    Args:
        rows: the page's.
        shown: id of the picture that stands beside the grid.
    """
    columns = [
        "image_id",
        "sha256",
        "name",
        "predicted",
        "confidence",
        "label",
        "created",
        "near_copy",
        "width",
        "height",
    ]
    records = [
        {name: getattr(row, name) for name in columns}
        | {
            "label": named(row.label or ""),
            "verdict": VERDICTS[row.correct],
            "outside": row.in_scope is False,
            "shown": row.image_id == shown,
        }
        for row in rows
    ]
    return pd.DataFrame.from_records(
        records, columns=[*columns, "verdict", "outside", "shown"]
    )


def forget_selection() -> None:
    """Empty the grid's selection, which has been dealt with: a new key does."""
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def list_name(key: str) -> str:
    """Of a list that is begun anew once its selection has been dealt with."""
    return f"{key}-{st.session_state.get(GENERATION, 0)}"


def ticked(key: str) -> list[int]:
    """What is ticked in a list, grid or gallery, as the browser said last."""
    told = st.session_state.get(list_name(key))
    ids = told.get("ids") if told else None
    return [i for i in ids or [] if isinstance(i, int)]


def render_grid(
    rows: Sequence[HistoryRow], *, key: str, shown: int | None = None
) -> list[int]:
    """Draw one page of the history; returns the ids of the selected rows on it."""
    answer = AgGrid(
        rows_frame(rows, shown),
        gridOptions=deepcopy(GRID_OPTIONS),  # AgGrid writes into what it is given
        height=len(rows) * ROW_HEIGHT + 52,  # whole: one scroll is enough
        allow_unsafe_jscode=True,
        custom_css=CSS,
        data_return_mode="CUSTOM",
        custom_jscode_for_grid_return=_SELECTED_IDS,
        update_on=[("selectionChanged", 150)],
        show_search=False,
        show_download_button=False,
        key=list_name(key),
    )
    chosen = answer.get("ids") if answer else None
    on_page = {row.image_id for row in rows}
    return [int(i) for i in chosen or [] if int(i) in on_page]
