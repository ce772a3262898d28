"""`integrator check` and `integrator site …`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from integrator.commands.shared import HERE, SiteOption, fail, out

app = typer.Typer()
site_app = typer.Typer(
    help="The site: flows, adapters, parties.",
    epilog="Example:  integrator site schemas --site /srv/site",
    no_args_is_help=True,
)


@app.command(epilog="Examples:  integrator check  ·  integrator check --site /srv/site --format json")
def check(
    site: SiteOption = HERE,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Find every mistake of a site in one pass; exit status 1 where there is one."""
    from integrator.authoring import report
    from integrator.authoring.check import check as find_problems

    if format_ not in ("text", "json"):
        fail(f"--format {format_}: write text or json", 2)
    if not site.is_dir():
        fail(f"there is no directory {site}: name the site's own with --site", 2)
    problems = find_problems(site)
    text = report.as_json(problems) if format_ == "json" else report.as_text(problems, colour=out.is_terminal)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    raise typer.Exit(1 if any(problem.severity == "error" for problem in problems) else 0)


@site_app.command("schemas", epilog="Example:  integrator site schemas --site .")
def schemas(site: SiteOption = HERE) -> None:
    """Write the editor schemas and reference pages that are generated from the models."""
    from integrator.authoring.generate import write_all

    if not site.is_dir():
        fail(f"there is no directory {site}: name the site's own with --site", 2)
    try:
        written = write_all(site)
    except OSError as error:
        fail(f"{error.filename} cannot be written ({error.strerror}): correct its owner or mode")
    for path in written:
        out.print(escape(str(path)))


@site_app.command(
    "register",
    epilog="Examples:  integrator site register municipal/namur  ·  integrator site register municipal/namur "
    "--format html --language nl > register.html",
)
def register(
    party: Annotated[str, typer.Argument(help="The party, like municipal/namur.")],
    site: SiteOption = HERE,
    format_: Annotated[str, typer.Option("--format", help="json, csv or html.")] = "json",
    language: Annotated[str, typer.Option("--language", help="fr, nl, de or en.")] = "fr",
) -> None:
    """Print the register of processing of one party (GDPR, article 30), made from the site."""
    from integrator.authoring import processing
    from integrator.site.compile import compile_site
    from integrator.site.compiled import CompiledSite
    from integrator.site.problems import SiteError, did_you_mean

    forms = {"json": processing.as_json, "csv": processing.as_csv, "html": processing.as_html}
    if format_ not in forms:
        fail(f"--format {format_}: write json, csv or html", 2)
    if language not in processing.LANGUAGES:
        fail(f"--language {language}: write fr, nl, de or en", 2)
    try:
        compiled = CompiledSite.from_plain(compile_site(site))
        found = processing.register(compiled, party, language)
    except SiteError:
        fail(f"the site has mistakes: integrator check --site {site} shows them")
    except processing.UnknownPartyError as error:
        fail(f"{error}: {did_you_mean(party, compiled.parties, 'describe it under parties/')}")
    sys.stdout.write(forms[format_](found))
