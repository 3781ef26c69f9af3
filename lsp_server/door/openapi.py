"""The OpenAPI description, from the tables that make the routes, and a page of it for people."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from msgspec import json

from lsp_server.door.call import Json
from lsp_server.door.dialect import Dialect
from lsp_server.door.facts import Probe

JSON = "application/json"
_IN_PATH = re.compile(r"{(\w+)}")
_ERRORS = {
    "400": "A field is missing or wrong; the message names it.",
    "401": "The token is missing.",
    "403": "The Host or the Origin is not this server's.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "500": "A bug.",
    "503": "The model is loading, or too many requests wait; Retry-After says when to come back.",
}


def description(version: str, fills: Mapping[str, tuple[Dialect, ...]], probes: Sequence[Probe]) -> Json:
    """OpenAPI 3.1 of all paths."""
    bodies = list({dialect.body: None for dialects in fills.values() for dialect in dialects})
    references, schemas = json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(bodies, references, strict=True))
    paths: Json = {}
    for path, dialects in fills.items():
        schema = [schema_of[dialect.body] for dialect in dialects]
        names = " or ".join(dict.fromkeys(dialect.name for dialect in dialects))
        media: Json = {JSON: {}} | {each.framing.media: {} for each in dialects if each.events}
        paths[path] = {"post": _operation(f"Fill a hole, in the dialect of {names}.", media)}
        asked = {JSON: {"schema": schema[0] if len(schema) == 1 else {"anyOf": schema}}}
        paths[path]["post"]["requestBody"] = {"required": True, "content": asked}
    for probe in probes:
        told = _operation(probe.summary, {JSON: {}}) | {"parameters": [*map(_named, _IN_PATH.findall(probe.path))]}
        paths[probe.path] = {method.lower(): told for method in probe.methods}
    paths["/v1/events"] = {"post": _operation("What a Tabby client did with an answer.", {"text/plain": {}})}
    paths["/v1/events"]["post"]["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    paths["/metrics"] = {"get": _operation("Counters for Prometheus.", {"text/plain": {}})}
    about = "Fill-in-the-middle, in the dialects that editors' clients speak. Unknown fields are ignored."
    return {
        "openapi": "3.1.0",
        "info": {"title": "redraft serve", "version": version, "description": about},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(summary: str, media: Json) -> Json:
    refused = {code: {"description": told, "content": {JSON: {}, "text/plain": {}}} for code, told in _ERRORS.items()}
    return {"summary": summary, "responses": {"200": {"description": "The answer.", "content": media}, **refused}}


def _named(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def page(told: Json) -> str:
    """The same for people: one page that loads nothing and runs nothing."""
    rows = [
        f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td><td>{_fields(operation, told)}</td></tr>"
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    title = html.escape(f"{told['info']['title']} {told['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}td{padding:.2em .8em;"
        "vertical-align:top;border-top:1px solid #ccc}table{border-collapse:collapse}</style>"
        f"<h1>{title}</h1><p>{html.escape(told['info']['description'])} "
        '<a href="/openapi.json">openapi.json</a> has types and bounds.</p>'
        f"<table>{''.join(rows)}</table></html>"
    )


def _fields(operation: Json, told: Json) -> str:
    """The names of a body's fields, required ones in bold."""
    schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    shown = []
    for each in schema.get("anyOf", [schema]):
        fields = told["components"]["schemas"].get(each.get("$ref", "").rpartition("/")[2], {})
        needed = fields.get("required", ())
        names = (html.escape(name) for name in fields.get("properties", {}))
        shown.append(", ".join(f"<b>{name}</b>" if name in needed else name for name in names))
    return "<br>or ".join(filter(None, shown))
