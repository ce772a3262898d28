from __future__ import annotations

import subprocess
import sys

HEAVY = [
    "sqlalchemy",
    "alembic",
    "zeep",
    "xmlschema",
    "pydantic",
    "fastapi",
    "typer",
    "rich",
    "jinja2",
    "babel",
    "yaml",
    "kombu",
]


def test_a_data_plane_worker_loads_nothing_heavy():
    code = (
        "import sys, integrator.gateway.app, integrator.gateway.delivery\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
