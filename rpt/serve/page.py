"""Render the web pages of a server: HTML files that send requests to this server alone.

The content security policy allows only a page's own style and script, and requests to this server. Markup in the name
of a run or in an answer therefore cannot load or execute anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rpt.console import several
from rpt.serve.facts import ServerFacts


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("rpt.serve"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def render_page(facts: ServerFacts) -> str:
    """Render the page as HTML. Its script asks for the runs by `GET /runs`, and for answers by `POST /predict`."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(style=_asset("page.css"), script=_asset("page.js"), facts=facts, several=several)
    )


def render_interface(schema: Mapping[str, Any]) -> str:
    """Render the description of the interface as HTML, without a script.

    FastAPI's own page loads its script from another host, and is blank on a machine without a network.

    Args:
        schema: Description of the interface by OpenAPI, as `GET /openapi.json` gives it.
    """
    template = _environment().get_template("interface.html.j2")
    return template.render(style=_asset("page.css"), schema=schema, as_json=_indented)


def page_policy() -> str:
    """Return the content security policy of the page, which allows its style and script by their sha256."""
    return _policy(f"style-src {_checksum('page.css')}; script-src {_checksum('page.js')}; connect-src 'self'")


def interface_policy() -> str:
    """Return the content security policy of the interface's description, which allows its style by the sha256."""
    return _policy(f"style-src {_checksum('page.css')}")


def _policy(allowed: str) -> str:
    return f"default-src 'none'; img-src data:; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _checksum(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()}'"


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _asset(name: str) -> Markup:
    """Return a style sheet or script, marked so that the template does not escape it."""
    environment = _environment()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
