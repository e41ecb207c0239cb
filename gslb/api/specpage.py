"""The OpenAPI document as a page for people: one HTML file without scripts, and nothing to fetch from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, .path { font-family: ui-monospace, monospace; font-size: 0.93em }
details { border: 1px solid #8886; border-radius: 6px; margin: 0.4rem 0; padding: 0.4rem 0.8rem }
summary { cursor: pointer } summary b { display: inline-block; width: 4.5rem }
table { border-collapse: collapse; margin: 0.4rem 0 }
td, th { text-align: left; padding: 0.1rem 1rem 0.1rem 0; vertical-align: top }
h2 { margin-top: 2rem } .more { opacity: 0.75 }
"""


def page(document: Json) -> str:
    """The whole page."""
    title = escape(f"{document['info']['title']} API {document['info']['version']}")
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>',
        f"<h1>{title}</h1><p>{_text(document['info']['description'])}</p>",
        '<p>For programs: <a href="/api/v1/openapi.json"><code>/api/v1/openapi.json</code></a> (OpenAPI 3.1).</p>',
        "<p>Everything but the readiness pages and this one wants <code>Authorization: Bearer TOKEN</code>.</p>",
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        parts += _operations(document, tag["name"])
    parts.append("<h2>Schemas</h2>")
    parts += [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join(parts) + "\n</html>\n"


def _operations(document: Json, tag: str) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if tag in one["tags"]:
                yield _operation(document, f"<b>{method.upper()}</b> <span class=path>{escape(path)}</span>", one)


def _operation(document: Json, heading: str, one: Json) -> str:
    parts = [f"<details><summary>{heading} <span class=more>{escape(one['summary'])}</span></summary>"]
    parts.append(f"<p>{_text(one.get('description', 'No token is needed.'))}</p>")
    if one["parameters"]:
        rows = (_row(p["name"], p["in"], p["required"], p["schema"]) for p in one["parameters"])
        parts.append(f"<table>{''.join(rows)}</table>")
    if "requestBody" in one:
        parts.append(f"<p>Body: {_of(one['requestBody']['content'])}</p>")
    parts.append("<table>")
    for status, response in one["responses"].items():
        found = document["components"]["responses"][status] if "$ref" in response else response
        what = f"{_text(found['description'])} {_of(found.get('content', {}))}"
        parts.append(f"<tr><td><code>{status}</code></td><td>{what}</td></tr>")
    return "".join(parts) + "</table></details>"


def _schema(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = (_row(key, "", key in required, one) for key, one in schema.get("properties", {}).items())
    said = f"<p>{_text(schema.get('description', ''))}</p><table>{''.join(rows)}</table>"
    return f"<details id={_anchor(name)}><summary><code>{escape(name)}</code></summary>{said}</details>"


def _row(name: str, where: str, required: bool, schema: Json) -> str:
    need = "required" if required else f"[{schema['default']}]" if "default" in schema else ""
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(where)}</td><td>{_type(schema)}</td>"
        f"<td>{escape(need)}</td></tr>"
    )


def _of(content: Json) -> str:
    return ", ".join(
        f"<code>{escape(kind)}</code> {_type(one['schema'])}" for kind, one in content.items() if "schema" in one
    )


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{_anchor(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    return escape(", ".join([str(schema.get("format", schema.get("type", "anything"))), *bounds]))


_BOUNDS: Final = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most"}


def _anchor(name: str) -> str:
    return f"schema-{escape(name)}"


def _text(text: str) -> str:
    """Text with `code` in it."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
