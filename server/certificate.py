"""Certificate: one of our own, for HTTPS where nobody else vouches for the server.

Browsers give a page the camera on https or on loopback only. They ask the user once about a
self-signed certificate, so it is kept and used again until shortly before it runs out.
"""

import os
import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from omote.server.config import Tls

_VALID = timedelta(days=365)
_SPARE = timedelta(days=30)


def self_signed(folder: Path, host: str) -> Tls:
    """The certificate kept in `folder`, made anew when there is none good for `host`."""
    tls = Tls(folder / "certificate.pem", folder / "key.pem")
    if not _good(tls, _names(host)):
        _make(tls, _names(host))
    return tls


def _good(tls: Tls, names: x509.SubjectAlternativeName) -> bool:
    try:
        kept = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
        known = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return known == names and kept.not_valid_after_utc > datetime.now(UTC) + _SPARE


def _make(tls: Tls, names: x509.SubjectAlternativeName) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Omote")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + _VALID)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    tls.key.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(tls.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
    tls.certificate.write_bytes(certificate.public_bytes(pem))


def _names(host: str) -> x509.SubjectAlternativeName:
    """What the server may be called: this machine by name, and the address it listens on."""
    given = dict.fromkeys(("localhost", "127.0.0.1", "::1", socket.gethostname(), host))
    return x509.SubjectAlternativeName([_name(word) for word in given])


def _name(word: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(word))
    except ValueError:
        return x509.DNSName(word)
