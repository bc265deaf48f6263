"""Base images from this machine's packages."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from kubecourse.containers import base, run_limited
from kubecourse.containers.standin import NoStandIn, root

pytestmark = pytest.mark.usefixtures("lab")

RECIPE = {
    "packages": ["dash"],
    "leave_out": ["debianutils", "dpkg"],
    "files": {"etc/motd": "hello\n"},
    "links": {"usr/bin/sh": "dash"},
}


def test_the_same_packages_give_the_same_bytes() -> None:
    digests = set()
    for _ in range(2):
        with root(RECIPE) as path:
            digests.add(hashlib.sha256(Path(path).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert not Path(path).exists()


def test_dependencies_come_along_and_documentation_does_not() -> None:
    with root(RECIPE) as path, tarfile.open(path) as tar:
        names = tar.getnames()
        assert len(names) == len(set(names))
        assert tar.getmember("usr/bin/sh").linkname == "dash"
        assert tar.getmember("bin").linkname == "usr/bin"
    assert any(name.endswith("/libc.so.6") for name in names)
    assert not any(name.startswith("usr/share/doc") for name in names)


def test_a_package_that_is_not_to_be_had() -> None:
    with pytest.raises(NoStandIn, match="no-such-package"), root({"packages": ["no-such-package"]}):
        pass


def test_a_stand_in_says_that_it_is_one_and_works() -> None:
    python = base("python")
    assert python.stand_in
    assert "stand-in built from Debian packages python3" in str(python)
    modules = "import http.server, json, ssl, sqlite3; print('fine')"
    assert run_limited("python", ["python3", "-c", modules], seconds=10).output == "fine\n"
