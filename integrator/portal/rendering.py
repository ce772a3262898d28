"""Pages from templates: one environment, one set of security headers."""

from __future__ import annotations

from typing import Any

from integrator.portal.journal_texts import JOURNAL_TEXTS
from integrator.portal.pages import environment
from integrator.portal.texts import LANGUAGES, TEXTS

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def render(template: str, language: str, **values: Any) -> str:
    """A page in a language."""
    return environment.get_template(template).render(
        t=TEXTS[language] | JOURNAL_TEXTS[language], language=language, languages=LANGUAGES, **values
    )
