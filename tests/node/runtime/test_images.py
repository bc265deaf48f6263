"""What images are declared to do."""

import pytest

from kubecourse.node.runtime.images import ImageCatalog
from kubecourse.node.runtime.references import InvalidReference

ANSWER = "Hello from {pod} ({image})\n"
"""What a server says that nobody described."""


def test_an_unknown_image_is_a_server_of_some_size() -> None:
    image = ImageCatalog().find("example.com/team/app:1")
    assert 40e6 <= image.size <= 180e6
    assert image.pullable and not image.command and image.status == 200


def test_well_known_ones_are_described() -> None:
    catalog = ImageCatalog()
    assert catalog.find("nginx:1.25").ports == (80,)
    assert catalog.find("docker.io/library/busybox").command == ("sh",)
    assert catalog.find("postgres").start_up > 0


def test_the_same_name_always_has_the_same_size_and_digest() -> None:
    assert ImageCatalog().find("x:1") == ImageCatalog().find("docker.io/library/x:1")
    assert ImageCatalog().find("x:1").digest != ImageCatalog().find("x:2").digest


def test_declarations_match_name_and_tag() -> None:
    catalog = ImageCatalog()
    assert catalog.find("hello:2").answers == ANSWER
    catalog.declare("hello", answers="any")
    catalog.declare("hello:2", answers="two", size="25MB")
    catalog.declare("hello:3.*", answers="three")
    catalog.declare("registry.local:5000/*:*", pullable=False)
    assert catalog.find("hello").answers == "any"
    assert catalog.find("docker.io/library/hello:2").answers == "two"
    assert catalog.find("hello:2").size == 25_000_000
    assert catalog.find("hello:3.1").answers == "three"
    assert catalog.find("other/hello:2").answers == ANSWER
    assert not catalog.find("registry.local:5000/a/b:1").pullable


def test_words_that_mean_nothing_are_refused() -> None:
    with pytest.raises(TypeError):
        ImageCatalog().declare("hello", colour="green")


def test_a_name_that_is_none_has_no_image() -> None:
    with pytest.raises(InvalidReference):
        ImageCatalog().find("Hello")
