"""Certificates for servers on this machine, and for us, by an authority of the tests' own."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

__all__ = ["Certificates"]


class Certificates:
    """An authority and the certificates that it has signed, as files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = str(folder / "authority.pem")
        authority.cert_pem.write_to_path(self.authority)
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        authority.configure_trust(self.server)
        client = authority.issue_cert("client@example.org")
        self.client_both = str(folder / "both.pem")
        client.private_key_and_cert_chain_pem.write_to_path(self.client_both)
        self.client_cert, self.client_key = str(folder / "cert.pem"), str(folder / "key.pem")
        client.cert_chain_pems[0].write_to_path(self.client_cert)
        client.private_key_pem.write_to_path(self.client_key)
