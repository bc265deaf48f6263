"""The catalogue: both languages of everything, and which one is spoken where."""

from pathlib import Path
from string import Formatter

import pytest

from kubecourse.lessons import messages
from kubecourse.lessons.messages import LANGUAGES, VARIABLE, language, text

EVERY = [(area, key) for area in messages.areas() for key in messages.messages(area)]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_chosen", [])
    monkeypatch.delenv(VARIABLE, raising=False)


def placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}


def test_there_are_messages() -> None:
    assert len(EVERY) > 20


@pytest.mark.parametrize(("area", "key"), EVERY, ids=".".join)
def test_a_message_has_both_languages_and_the_same_placeholders(area: str, key: str) -> None:
    message = messages.messages(area)[key]
    assert set(message) == set(LANGUAGES)
    for words in message.values():
        assert isinstance(words, str)
        assert words.strip()
        assert "" not in placeholders(words), "a placeholder has a name"
    assert placeholders(message["en"]) == placeholders(message["ko"])


def test_the_folder_of_the_notebook_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ko").mkdir()
    monkeypatch.chdir(tmp_path)
    assert (language(), text("widgets.reset")) == ("en", "reset")
    monkeypatch.chdir(tmp_path / "ko")
    assert (language(), text("widgets.reset")) == ("ko", "처음으로")


def test_the_environment_overrides_the_folder_and_a_call_overrides_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "ko")
    assert language() == "ko"
    assert language("en") == "en"
    assert text("widgets.reset") == "reset"


@pytest.mark.parametrize("code", ["de", "KO", ""])
def test_a_language_that_the_course_does_not_have_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="en, ko"):
        language(code)


def test_values_are_put_in() -> None:
    words = text("widgets.replicas.later", desired=5, ready=5, seconds=0.64)
    assert words == "5 wanted, 5 ready 0.6 s later"


@pytest.mark.parametrize("key", ["widgets.nothing", "nothing.reset", "widgets", "widgets.replicas"])
def test_a_key_that_does_not_exist_is_named(key: str) -> None:
    with pytest.raises(KeyError, match=key):
        text(key)
