"""What ends need to know each other: certificates for TLS, and a keyring for cephx."""

from __future__ import annotations

import datetime
import secrets
import ssl
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from msgr import CryptoKey, Keyring

CLIENT: Final = "client.bench"
CIPHER: Final = "ECDHE-ECDSA-AES128-GCM-SHA256"
"""What TLS is held to: secure mode has AES-128-GCM too. Python can force it in TLS 1.2 only."""
KEYRING: Final = "keyring"


def make_materials(directory: Path) -> None:
    """Fill a directory: an authority's certificate, those of a server and of a client, and a keyring."""
    keyring = Keyring()
    keyring.add(CLIENT, CryptoKey.generate(secrets.token_bytes, time.time()))
    (directory / KEYRING).write_text(keyring.dumps())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("authority")
    authority = _builder(issuer, issuer, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    (directory / "authority.pem").write_bytes(authority.sign(key, SHA256()).public_bytes(Encoding.PEM))
    for who in ("server", "client"):
        own = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if who == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
        certificate = (
            _builder(_name(who), issuer, own)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(key, SHA256())
        )
        secret = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / f"{who}.key").write_bytes(secret)
        (directory / f"{who}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )


def tls(directory: Path, who: str) -> ssl.SSLContext:
    """Return what TLS needs at one end; each end has a certificate and asks for the other's. Nothing is resumed."""
    server = who == "server"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(directory / f"{who}.pem", directory / f"{who}.key")
    context.load_verify_locations(directory / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.set_ciphers(CIPHER)
    return context
