"""The Jinja environment of a package's pages: its own templates and the shared ones."""

from __future__ import annotations

import jinja2
from markupsafe import Markup

from nst_core.views.web.text import address, inline_json, number, quantity


def environment(package: str) -> jinja2.Environment:
    """An environment that finds templates in `templates/` of the package, then here; everything is escaped.

    Filters: `address`, `counted`, `number`, `json` (for a `<script type="application/json">`). `asset(name)` is the
    text of a style sheet or script from `templates/`, to be put into the page.

    Args:
        package: such as `nst_core.views.gallery`.
    """
    pages = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("nst_core.views.web")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def asset(name: str) -> Markup:
        assert pages.loader is not None
        return Markup(pages.loader.get_source(pages, name)[0])

    pages.filters.update(address=address, number=number, quantity=quantity, json=inline_json)
    pages.globals.update(asset=asset)
    return pages
