"""Exercises and predictions as a learner meets them: chosen, typed, checked, counted."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import JupyterLab, Notebook

pytestmark = pytest.mark.requires_chromium


def run_instead(notebook: Notebook, old: str, new: str) -> str:
    """Type other code into the cell that holds `old`, run it, and return what it shows."""
    cells = notebook.page.locator(".jp-CodeCell")
    cell = cells.filter(has=notebook.page.locator(".cm-content", has_text=old)).first
    cell.locator(".cm-content").first.fill(new)
    notebook.page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]"))
    notebook._wait_for_kernel(30)
    return cell.locator(".jp-OutputArea").first.inner_text()


@pytest.mark.parametrize("name", ["ko/04_kubernetes_objects"], indirect=True)
def test_an_exercise_is_solved_and_counted(lab: JupyterLab, chapter: Notebook) -> None:
    notebook = chapter
    question = notebook.page.locator(".jp-OutputArea .widget-radio-box").first
    question.scroll_into_view_if_needed()
    replies = notebook.page.locator(".jp-OutputArea [role=status]")
    question.locator("input").nth(0).press("Space")
    expect(replies.first).to_contain_text("✗")
    question.locator("input").nth(2).press("Space")
    expect(replies.first).to_contain_text("✓")
    notebook.screenshot("prediction")

    shown = run_instead(
        notebook,
        "ex.scale.check()",
        "%kubectl scale deployment/web --replicas=3 -n ex-scale\nex.scale.check()",
    )
    assert "아직 아니다." in shown
    shown = run_instead(
        notebook,
        "ex.scale.check()",
        "%kubectl scale deployment/web --replicas=5 -n ex-scale\n"
        "cluster.settle()\nex.scale.check()",
    )
    notebook.screenshot("exercise")
    assert "맞았다." in shown
    assert (lab.home / ".kubecourse" / "progress.json").exists()
    bar = notebook.page.locator(".jp-OutputArea .widget-hprogress").first
    bar.scroll_into_view_if_needed()
    expect(
        notebook.page.locator(".jp-OutputArea").filter(has_text="1개 해결").first
    ).to_be_visible()
    notebook.screenshot("progress")
    assert notebook.console_errors == []
    assert notebook.outside_requests == []
