"""Names both compile time and run time need."""

from __future__ import annotations

XSD = "http://www.w3.org/2001/XMLSchema"
ANY_TYPE = f"{{{XSD}}}anyType"
