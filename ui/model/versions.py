"""The versions of the model: which one serves, and the way back."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from db import Database, ModelRow, Service
from model.export import zipped
from ui.shared.clock import here
from ui.shared.escape import percent, plain
from workflow import resources
from workflow.words import count

DIGITS = 8
SHOWN = 20
"""Versions and services that are listed, the newest."""


def name_of(version: str, base: str) -> str:
    """A version as the page calls it."""
    return "the published model" if version == base else f"version {version[:DIGITS]}"


@dataclass(frozen=True)
class Versions:
    """What was learned, and which version served when; newest first.

    Attributes:
        base: the published model.
    """

    base: str
    rows: list[ModelRow]
    services: list[Service]

    @classmethod
    def of(cls, database: Database, base: str) -> "Versions":
        """As the record has it."""
        return cls(base, database.models(), database.services())

    @property
    def _chosen(self) -> str:
        return self.services[0].version if self.services else self.base

    @property
    def usable(self) -> list[ModelRow]:
        """Those learned on the published model."""
        return [row for row in self.rows if row.base == self.base]

    @property
    def serving(self) -> str:
        """What answers: the chosen version, where that is usable."""
        able = {row.version for row in self.usable}
        return self._chosen if self._chosen in able else self.base

    @property
    def void(self) -> bool:
        """Whether the chosen version was learned on a model that is gone."""
        return self._chosen not in (self.base, self.serving)

    @property
    def offer(self) -> ModelRow | None:
        """The newest version, where it has never served and can."""
        served = {service.version for service in self.services}
        newest = self.rows[0] if self.rows else None
        if newest is None or newest.base != self.base or newest.version in served:
            return None
        return newest

    @property
    def before(self) -> str:
        """What served before this one, to go back to; the published one at last."""
        able = {self.base, *(row.version for row in self.usable)}
        found = (s.version for s in self.services[1:] if s.version in able)
        return next((v for v in found if v != self.serving), self.base)


def _gain(row: ModelRow) -> str:
    found = row.report.get("reviewed") or {}
    n = found.get("pictures")
    if not n:
        return ""
    before, after = (percent(found[key] / n, 1) for key in ("before", "after"))
    return f"{before} → {after}"


def versions_html(versions: Versions) -> str:
    """Every version with what it was learned from, as a table."""
    lines = ""
    for row in versions.rows[:SHOWN]:
        state = "serves" if row.version == versions.serving else ""
        if row.base != versions.base:
            state = "for an earlier published model"
        cells = (
            here(row.created),
            row.who,
            f"{row.report.get('pictures', 0):,}",
            _gain(row),
            ", ".join(row.classes[10:]),
            state,
        )
        told = "".join(f"<td>{plain(cell)}</td>" for cell in cells)
        lines += f"<tr><th>{plain(row.version[:DIGITS])}</th>{told}</tr>"
    heads = ("Version", "Learned", "By", "Pictures", "On these", "Adds", "")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<table class="figures versions"><tr>{head}</tr>{lines}</table>'


def services_html(versions: Versions) -> str:
    """Which version served from when on, as a list."""
    lines = "".join(
        f"<li>{plain(here(s.created))}: {plain(name_of(s.version, versions.base))}"
        f"{plain(f', by {s.who}' if s.who else '')}</li>"
        for s in versions.services[:SHOWN]
    )
    return f"<ul>{lines}</ul>"


@st.fragment
def _render_take_away(version: str) -> None:
    """The model that answers, made when somebody asks for it."""
    st.download_button(
        "Take the model away",
        lambda: zipped(resources.classifier()),
        f"model-{version[:DIGITS]}.zip",
        "application/zip",
        key="take-away",
        icon=":material/download:",
        help="A ZIP with safetensors for torchvision's ResNet-18, ONNX, the classes, "
        "and a model card: about 90 MB.",
        on_click="ignore",
    )


def render_versions(versions: Versions, use: Callable[[str], None]) -> None:
    """Draw the list, the way back, and which served when."""
    serving, base = versions.serving, versions.base
    who = name_of(serving, base)
    st.caption(f"Now {who} answers.")
    if serving != base:
        st.button(
            f"Go back to {name_of(versions.before, base)}",
            key="go-back",
            icon=":material/undo:",
            on_click=use,
            args=(versions.before,),
        )
    _render_take_away(serving)
    if not versions.rows:
        return
    with st.expander(f"{count(len(versions.rows), 'version')} learned"):
        st.html(versions_html(versions))
        others = [base, *(row.version for row in versions.usable[:SHOWN])]
        others = [version for version in others if version != serving]
        if others:
            chosen = st.selectbox(
                "Another version",
                others,
                format_func=lambda version: name_of(version, base),
                key="other-version",
            )
            st.button("Use this version", key="use-other", on_click=use, args=(chosen,))
        if versions.services:
            st.caption("Which one answered from when on:")
            st.html(services_html(versions))
