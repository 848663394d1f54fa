"""Render the web page of a server: one HTML file that asks this server alone.

The content security policy allows only the page's own style and script, and requests to this server. Markup in the name
of a run or in an answer therefore cannot load or execute anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

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


def page_policy() -> str:
    """Return the content security policy, which allows the style and the script by their sha256."""
    checksums = [
        base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode() for name in ("page.css", "page.js")
    ]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{checksums[0]}'; script-src 'sha256-{checksums[1]}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _asset(name: str) -> Markup:
    """Return a style sheet or script, marked so that the template does not escape it."""
    environment = _environment()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
