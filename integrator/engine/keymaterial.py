"""Keys of routes: the beans DefaultKeyAccessor and DefaultKeySelector, whose properties name PEM files.

A route file has no key: `key`, `certificate` and `password` are `${file:/path}` or `${env:NAME}`, resolved when the
routes are activated. Values are kept nowhere else, and stand in no text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from integrator.engine.compiler import Bean, Node
from integrator.engine.xmlsignature import PrivateKey, PublicKey

ACCESSOR = "org.apache.camel.component.xmlsecurity.api.DefaultKeyAccessor"
SELECTOR = "org.apache.camel.component.xmlsecurity.api.DefaultKeySelector"

_REFERENCE = re.compile(r"\$\{(?:env|file):[^{}]+\}")
_NAMES = ("key", "certificate", "password")
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_RSA_BITS_MIN = 2048


@dataclass(frozen=True, slots=True)
class Keys:
    """What a bean gives: the private key where it has one, and its certificates, its own first."""

    private: PrivateKey | None
    chain: tuple[x509.Certificate, ...]

    @property
    def public(self) -> PublicKey:
        """The key of the first certificate, which the bean was checked to have."""
        key = self.chain[0].public_key()
        assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
        return key


class WrongKey(ValueError):
    """A key or certificate that cannot be used; the text says why and never repeats any of it."""


def holds(node: Node, bean: Bean, name: str, needed: tuple[str, ...]) -> bool:
    """Whether the properties of a bean name keys as they should; notes what is wrong. Reads nothing."""
    before = len(node.scope.problems)
    for prop, value in bean.properties.items():
        if prop not in _NAMES:
            node.problem("/uri", "bean", f"the bean {name}: {prop} is not in the embedded engine",
                         "Name PEM files by key and certificate.")  # fmt: skip
        elif not isinstance(value, str) or not _REFERENCE.fullmatch(
            node.scope.fill(value, node.pointer).strip()
        ):
            node.problem("/uri", "key-reference", f"the bean {name}: {prop} is no reference",
                         'Write "${file:/run/secrets/…}" or "${env:NAME}"; replace what was written down.')  # fmt: skip
    for prop in needed:
        if prop not in bean.properties:
            node.problem(
                "/uri",
                "key-reference",
                f"the bean {name} has no {prop}",
                f'Add {prop}: "${{file:/path.pem}}".',
            )
    return len(node.scope.problems) == before


def load(node: Node, bean: Bean, name: str) -> Keys | None:
    """The keys of a bean that `holds`; notes what cannot be read."""
    values: dict[str, bytes] = {}
    for prop in bean.properties:
        text = node.scope.fill(str(bean.properties[prop]), node.pointer).strip()
        try:
            values[prop] = node.scope.services.secret(text)
        except (LookupError, ValueError) as error:  # its text names the variable or the file, never a value
            node.problem(
                "/uri",
                "key-reference",
                f"the bean {name}: {prop}: {error.args[0]}",
                "Set it before the start.",
            )
            return None
    try:
        return keys(values.get("key"), values.get("certificate"), values.get("password"))
    except WrongKey as error:
        node.problem("/uri", "key-reference", f"the bean {name}: {error}", "Correct what it names.")
        return None


def keys(key: bytes | None, certificate: bytes | None, password: bytes | None = None) -> Keys:
    """The keys in PEM texts. Raises WrongKey."""
    private = _private(key, password) if key is not None else None
    chain: tuple[x509.Certificate, ...] = ()
    if certificate is not None:
        try:
            chain = tuple(x509.load_pem_x509_certificates(certificate))
        except ValueError:
            raise WrongKey("certificate is no certificate in PEM") from None
        _strong(chain[0].public_key(), "certificate")
        if private is not None and private.public_key() != chain[0].public_key():
            raise WrongKey(
                "key and certificate do not belong together: the first certificate is the key's own"
            )
    return Keys(private, chain)


def _private(key: bytes, password: bytes | None) -> PrivateKey:
    try:
        found = serialization.load_pem_private_key(key, password)
    except (ValueError, TypeError):
        raise WrongKey("key is no private key in PEM, or password does not open it") from None
    if not isinstance(found, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise WrongKey("key is neither RSA nor EC")
    _strong(found.public_key(), "key")
    return found


def _strong(key: object, what: str) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _RSA_BITS_MIN:
            raise WrongKey(f"{what} is shorter than {_RSA_BITS_MIN} bits: make a longer one")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise WrongKey(f"{what} is neither RSA nor EC")
    elif key.curve.name not in _CURVES:
        raise WrongKey(f"{what} is on a curve that is not accepted: use P-256, P-384 or P-521")
