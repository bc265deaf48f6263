"""How clients find a server: its certificate, and the file that they read."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from pathlib import Path

import trustme
import yaml

CLUSTER = "kubecourse"


class Certificate:
    """A certificate for this machine's own addresses, signed by an authority that it comes with."""

    def __init__(self) -> None:
        authority = trustme.CA(organization_name=CLUSTER)
        self.authority: bytes = authority.cert_pem.bytes()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.context)


def write(path: Path, address: str, certificate: Certificate, user: str, token: str) -> None:
    """Write a kubeconfig that only its owner can read. Raises FileExistsError."""
    authority = b64encode(certificate.authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CLUSTER,
                "cluster": {"server": address, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [
            {
                "name": CLUSTER,
                "context": {"cluster": CLUSTER, "user": user, "namespace": "default"},
            }
        ],
        "current-context": CLUSTER,
    }
    text = yaml.safe_dump(config, sort_keys=False)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
