"""Predictions: a reply to every choice; a widget where there are widgets, text where not."""

import sys

import pytest

from kubecourse.lessons.exercises import predict
from kubecourse.lessons.exercises.prediction import Choice, Prediction, chapters, predictions
from kubecourse.lessons.messages import LANGUAGES, messages

NAMES = [name for number in chapters() for name in predictions(number)]

both_languages = pytest.mark.parametrize("language", LANGUAGES)
each_prediction = pytest.mark.parametrize("name", NAMES)


@each_prediction
@both_languages
def test_every_choice_has_a_reply_of_its_own(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", language)
    prediction = predict(name)
    replies = [repr(prediction.answer(choice.name)) for choice in prediction.choices]
    assert len(set(replies)) == len(replies) >= 3
    assert [reply[0] for reply in replies].count("✓") == 1
    assert repr(prediction.answer(prediction.right)).startswith("✓")


def test_no_choice_is_written_and_not_offered() -> None:
    for number in chapters():
        written = {key for key in messages(f"chapter_{number}") if key.startswith("predictions.")}
        offered = {
            f"predictions.{name}.{part}"
            for name, row in predictions(number).items()
            for part in (
                "question",
                *(f"{c}.{p}" for c in row["choices"] for p in ("label", "reply")),
            )
        }
        assert written == offered


def test_names_are_used_once_in_the_course() -> None:
    assert len(set(NAMES)) == len(NAMES)


def eggs() -> Prediction:
    choices = [Choice("one", "one egg", "Too few."), Choice("two", "two eggs", "Each gets one.")]
    return Prediction("How many eggs for `two`?", choices, right="two")


def test_an_answer_is_given_by_name_or_by_its_words() -> None:
    assert repr(eggs().answer("one")) == "✗ No. Too few."
    assert repr(eggs().answer("two eggs")) == "✓ Yes. Each gets one."
    assert repr(eggs().answer("three")) == "Choose one of these: 'one', 'two'."


def test_as_text_it_shows_the_question_and_the_choices() -> None:
    assert repr(eggs()) == "Predict. How many eggs for `two`?\n\n○ one egg\n○ two eggs"


def test_choosing_in_the_widget_shows_the_reply() -> None:
    question, answers, reply, _ = eggs().widget().children
    assert answers.value is None
    assert "<code>two</code>" in question.value and reply.value == ""
    answers.value = eggs().choices[0]
    assert "Too few." in reply.value
    answers.value = eggs().choices[1]
    assert "Each gets one." in reply.value


def test_shown_it_is_a_widget_with_the_text_beside_it() -> None:
    bundle = eggs()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(eggs())
    assert "two eggs" in bundle["text/html"]


def test_without_widgets_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert set(eggs()._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_a_prediction_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(KeyError, match="crash"):
        predict("crsh")
