"""What the API offers, as OpenAPI 3.1, and the same as a page for people.

Both follow from the types that check what comes in (`shapes.py`), so they cannot say
anything else than what is done. The page is plain HTML without script, font or style
from anywhere.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any

import msgspec

from routes.api import shapes

ALWAYS_WRONG = (401, 403, 429)
_REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"{(\w+)}")
ABOUT = """Classify pictures, find saved ones and review them from other programs.

On the machine it runs on the API is open, unless people log in. From elsewhere send
a token: `Authorization: Bearer …`, made by `python -m db token create NAME`. What is
wrong is told as `application/problem+json` (RFC 9457)."""


@dataclass(frozen=True, kw_only=True)
class _Optional:
    query: type[shapes.Given] = shapes.Nothing
    body: Mapping[str, type[shapes.Given] | None] | None = None
    wrong: tuple[int, ...] = ()
    status: int = 200


@dataclass(frozen=True)
class Described(_Optional):
    """What the document says of an endpoint.

    Attributes:
        answer: its shape, or its type where it is no JSON.
        query: its options.
        body: the types a body may have, and their shapes; files have none.
        wrong: what may be answered instead, besides `ALWAYS_WRONG`.
    """

    method: str
    path: str
    answer: type[msgspec.Struct] | str

    @property
    def text(self) -> str:
        """What it does."""
        raise NotImplementedError


def _schema(shape: type) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([shape], ref_template=_REF)
    return found


def _parameters(one: Described) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _IN_PATH.findall(one.path)
    ]
    _, parts = msgspec.json.schema_components([one.query], ref_template=_REF)
    options = parts[one.query.__name__].get("properties", {})
    return in_path + [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in options.items()
    ]


_FORM = {
    "schema": {
        "type": "object",
        "properties": {
            "files": {"type": "array", "items": {"type": "string", "format": "binary"}}
        },
    }
}


def _content(kind: str, shape: type | None) -> dict[str, Any]:
    if shape is not None:
        return {kind: {"schema": _schema(shape)}}
    if kind == "multipart/form-data":
        return {kind: _FORM}
    return {kind: {"schema": {"type": "string", "format": "binary"}}}


def _answers(one: Described) -> dict[str, Any]:
    binary = isinstance(one.answer, str)
    kind = str(one.answer) if binary else "application/json"
    shape = None if isinstance(one.answer, str) else one.answer
    told = {str(one.status): {"description": "Done.", "content": _content(kind, shape)}}
    wrong = _content("application/problem+json", shapes.Problem)
    return told | {
        str(status): {"description": HTTPStatus(status).phrase, "content": wrong}
        for status in sorted({*ALWAYS_WRONG, *one.wrong})
    }


def _operation(one: Described) -> dict[str, Any]:
    first, _, rest = one.text.partition("\n")
    said = {
        "operationId": f"{one.method.lower()}{one.path.replace('/', '_')}",
        "summary": first,
        "description": " ".join(rest.split()),
        "parameters": _parameters(one),
        "responses": _answers(one),
    }
    if one.body:
        content: dict[str, Any] = {}
        for kind, shape in one.body.items():
            content |= _content(kind, shape)
        said["requestBody"] = {"required": True, "content": content}
    return said


def document(prefix: str, endpoints: Iterable[Described]) -> dict[str, Any]:
    """The API as OpenAPI describes one."""
    listed, paths = list(endpoints), dict[str, dict[str, Any]]()
    named: set[type] = {shapes.Problem}
    for one in listed:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
        named |= {shape for shape in (one.body or {}).values() if shape}
        named |= set() if isinstance(one.answer, str) else {one.answer}
    _, schemas = msgspec.json.schema_components(named, ref_template=_REF)
    token = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Image classification", "version": "1", "description": ABOUT},
        "servers": [{"url": prefix}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": token}},
    }


_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem;color:#1c1e2b;background:#fff}h2{margin-top:2.5rem;font-size:1.1rem}
h2 b{display:inline-block;min-width:3.5rem;color:#4f46e5}code,pre{font-size:.85rem}
pre{background:#f4f5f9;padding:.75rem;overflow:auto;border-radius:.5rem}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1.5rem .2rem 0;
vertical-align:top}a{color:#4f46e5}@media(prefers-color-scheme:dark){body{
background:#12131a;color:#eceef6}pre{background:#1c1e29}a,h2 b{color:#818cf8}}"""


def _prose(text: str) -> str:
    """A text as HTML, with what it marks as code drawn so."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _link(reference: str) -> str:
    name = escape(reference.rsplit("/", 1)[-1])
    return f'<a href="#{name}">{name}</a>'


def _type_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, as HTML."""
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "enum" in schema:
        return " | ".join(
            f"<code>{escape(json.dumps(v))}</code>" for v in schema["enum"]
        )
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    if isinstance(inner := schema.get("additionalProperties"), Mapping):
        return f"names with {_type_of(inner)}"
    limits = (f"{key} {schema[key]}" for key in schema if key[:3] in ("max", "min"))
    return " ".join([escape(str(schema.get("type", "any"))), *map(escape, limits)])


def _rows(fields: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{_type_of(schema)}<td>"
        + (
            f"default {escape(json.dumps(schema['default']))}"
            if "default" in schema
            else ""
        )
        for name, schema in fields
    )
    return f"<table>{rows}</table>" if rows else ""


def _contents(title: str, content: Mapping[str, Any]) -> str:
    told = (
        f"<code>{escape(k)}</code> {_type_of(v['schema'])}" for k, v in content.items()
    )
    return f"<p>{title}: {' or '.join(told)}</p>" if content else ""


def _section(prefix: str, path: str, method: str, said: Mapping[str, Any]) -> str:
    fields = [(p["name"], p["schema"]) for p in said["parameters"]]
    done, *wrong = said["responses"].items()
    others = ", ".join(f"{code} {escape(one['description'])}" for code, one in wrong)
    return (
        f"<h2><b>{method.upper()}</b> <code>{escape(prefix + path)}</code></h2>"
        f"<p>{_prose(said['summary'])} {_prose(said['description'])}</p>{_rows(fields)}"
        + _contents("Send", said.get("requestBody", {}).get("content", {}))
        + _contents(f"Answer {done[0]}", done[1].get("content", {}))
        + f"<p>Otherwise: {others}</p>"
    )


def as_page(described: Mapping[str, Any]) -> str:
    """The document as HTML."""
    prefix = described["servers"][0]["url"]
    sections = "".join(
        _section(prefix, path, method, said)
        for path, methods in described["paths"].items()
        for method, said in methods.items()
    )
    shown = "".join(
        f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        f"<p>{_prose(schema.get('description', ''))}</p>"
        + _rows(schema.get("properties", {}).items())
        for name, schema in sorted(described["components"]["schemas"].items())
    )
    about = "".join(f"<p>{_prose(p)}</p>" for p in ABOUT.split("\n\n"))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>API</title><style>{_STYLE}</style>'
        f"<h1>Image classification: the API</h1>{about}"
        '<p><a href="openapi.json">openapi.json</a></p>'
        f"{sections}<h1>Shapes</h1>{shown}"
    )
