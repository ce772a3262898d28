"""TLS of the outbound: 1.2 at least, certificates and host names always checked, HTTP/1.1 only."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(
    *,
    trust: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    password: str | None = None,
) -> ssl.SSLContext:
    """A context for calls to providers.

    `trust` is a PEM file with the authorities to trust instead of the system's own; `certificate`
    (PEM, chain included) with `key` identifies the bus where a provider asks for it. There is no
    switch that turns checking off. Raises OSError (a file cannot be read) or ssl.SSLError (not
    PEM, key and certificate do not match, wrong password).
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=trust)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    if certificate is not None:
        # An empty password instead of None: OpenSSL must never stop to ask on a terminal.
        context.load_cert_chain(certificate, key, password=password or "")
    return context
