"""The smallest container there is: one program that says a word and ends.

Whether Docker works is known when a container has run. Its image is made here, from nothing, so
that no network is needed: an executable of some 170 bytes, written as an assembler would.
"""

from __future__ import annotations

import io
import struct
import tarfile
from contextlib import suppress
from typing import Any

from kubecourse.containers.engines import LABEL, connect

WORD = b"ready"
NAME = "kubecourse-doctor"

_HEADERS = 64 + 56
_ADDRESS = 0x400000

_MACHINES = {"amd64": 62, "x86_64": 62, "arm64": 183, "aarch64": 183}
"""What engines call an architecture, to its number in an ELF header."""


class Unusable(Exception):
    """Docker cannot be used; `reason` is what to look up in the messages, the text the details."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(details)
        self.reason = reason


def run() -> str:
    """Run a container on this machine's engine and remove all traces; the engine's version.

    Raises Unusable.
    """
    try:
        import docker
        from requests.exceptions import RequestException
    except ImportError as error:
        raise Unusable("no_sdk", str(error)) from None
    try:
        client = connect()
        about = client.version()
    except (docker.errors.DockerException, RequestException) as error:
        denied = "permission denied" in str(error).lower()
        raise Unusable("denied" if denied else "silent") from None
    try:
        _try(client, f"{about.get('Os')}/{about.get('Arch')}")
    except (docker.errors.DockerException, RequestException) as error:
        raise Unusable("broken", " ".join(str(error).split())) from None
    finally:
        client.close()
    return str(about["Version"])


def _try(client: Any, architecture: str) -> None:
    system, _, processor = architecture.partition("/")
    if system != "linux" or processor not in _MACHINES:
        raise Unusable("foreign", architecture)
    machine = _MACHINES[processor]
    _clean(client)  # what a run that was cut short left behind
    try:
        client.api.import_image_from_data(
            _root(program(machine)), repository=NAME, changes=[f"LABEL {LABEL}=doctor"]
        )
        said = client.containers.run(
            f"{NAME}:latest",
            ["/ready"],
            name=NAME,
            labels={LABEL: "doctor"},
            network_mode="none",
        )
    finally:
        _clean(client)
    if said != WORD + b"\n":
        raise Unusable("broken", f"a container said {said!r}")


def _clean(client: Any) -> None:
    import docker

    for container in client.containers.list(all=True, filters={"label": f"{LABEL}=doctor"}):
        container.remove(force=True)
    with suppress(docker.errors.ImageNotFound):
        client.images.remove(f"{NAME}:latest", force=True)


def _root(executable: bytes) -> bytes:
    """A root file system with one file in it, as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("ready")
        entry.size, entry.mode = len(executable), 0o755
        tar.addfile(entry, io.BytesIO(executable))
    return archive.getvalue()


def program(machine: int) -> bytes:
    """An executable for Linux that prints WORD and exits with 0.

    Source: System V ABI, "Object files"; the system calls' numbers are Linux' own.
    """
    message = WORD + b"\n"
    code = {62: _amd64, 183: _arm64}[machine](len(message))
    size = _HEADERS + len(code) + len(message)
    header = struct.pack(
        "<4s5B7xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0, 0),  # 64 bits, little-endian
        *(2, machine, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    return header + segment + code + message


def _amd64(length: int) -> bytes:
    """write(1, message, length); exit(0)."""
    after = b"\x0f\x05" + b"\xb8\x3c\x00\x00\x00" + b"\x31\xff" + b"\x0f\x05"
    set_length = b"\xba" + struct.pack("<I", length)
    return (
        b"\xb8\x01\x00\x00\x00"  # mov eax, 1
        b"\xbf\x01\x00\x00\x00"  # mov edi, 1
        b"\x48\x8d\x35" + struct.pack("<I", len(set_length + after))  # lea rsi, [rip + message]
        + set_length  # mov edx, length
        + after  # syscall; mov eax, 60; xor edi, edi; syscall
    )  # fmt: skip


def _arm64(length: int) -> bytes:
    """write(1, message, length); exit(0)."""
    words = [
        0xD2800020,  # mov x0, #1
        0x10000001 | (7 << 5),  # adr x1, 7 words on: the message
        0xD2800002 | (length << 5),  # mov x2, #length
        0xD2800808,  # mov x8, #64 (write)
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93 (exit)
        0xD4000001,  # svc #0
    ]
    return struct.pack("<8I", *words)
