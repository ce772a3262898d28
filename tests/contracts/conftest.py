"""Compiled contracts of the tests, made once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrator.contracts.compile import compile_wsdl
from integrator.contracts.contract import Contract

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def bced_original(shared: Path) -> Contract:
    """BCED Person v3 as its owner publishes it."""
    folder = shared / "contracts" / "bced" / "person_v3"
    return Contract(compile_wsdl(folder / "BCEDPersonService_v3.wsdl", folder))


@pytest.fixture(scope="session")
def ksz(shared: Path) -> Contract:
    """KSZ HandiService v2 as its owner publishes it."""
    folder = shared / "contracts" / "ksz"
    return Contract(compile_wsdl(folder / "be/fgov/kszbcss/intf/HandiService/HandiV2.wsdl", folder))


@pytest.fixture(scope="session")
def bced() -> Contract:
    """BCED Person v3 as the project writes it."""
    return Contract(compile_wsdl(ROOT / "schemas" / "bced" / "person_v3.wsdl", ROOT))


@pytest.fixture(scope="session")
def catalogue() -> Contract:
    """The tests' own contract: SOAP 1.1 and 1.2, and every corner of the codec."""
    return Contract(compile_wsdl(DATA / "catalogue.wsdl", DATA))
