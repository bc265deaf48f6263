"""What kubectl prints on the simulated cluster, from the first command to the last."""

from pathlib import Path

import pytest

from tests.transcripts import parse, replay, transcripts


@pytest.mark.parametrize("path", transcripts(), ids=lambda path: path.stem)
def test_a_transcript_is_printed_again(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text()
    printed = replay(text)
    if request.config.getoption("--update-transcripts"):
        path.write_text(printed)
        return
    assert printed == text


def test_output_before_any_command_is_refused() -> None:
    with pytest.raises(ValueError, match="output before any command"):
        parse("nobody said anything\n")
