"""How JupyterLab opens a notebook of the course: without outputs that would give away an answer.

The outputs that a notebook was published with are there for readers of the repository. In the lab
they would answer what a learner is about to predict. What learners save is theirs: it has lost the
mark, and opens as they left it, but for widgets whose kernel is gone, which could only be drawn as
errors. No file is changed by being opened.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from kubecourse.publish.source import PUBLISHED, WIDGET


class Unspoilt(AsyncLargeFileManager):
    """The contents manager of `kubecourse lab`."""

    async def get(self, path: str, *args: Any, **options: Any) -> Any:
        """A file or directory; of a notebook what its reader may see."""
        model = await super().get(path, *args, **options)
        if model["type"] == "notebook" and model["content"] is not None:
            notebook = model["content"]
            published = notebook.metadata.pop(PUBLISHED, False)
            if published or not await self._is_open(path):
                for cell in notebook.cells:
                    if cell.cell_type == "code":
                        _forget(cell, everything=published)
        return model

    async def _is_open(self, path: str) -> bool:
        """Whether a kernel runs for a notebook."""
        sessions = await self.parent.session_manager.list_sessions() if self.parent else []
        return any(session["path"] == path.strip("/") for session in sessions)


def _forget(cell: Any, everything: bool) -> None:
    kept = [] if everything else [o for o in cell.outputs if WIDGET not in o.get("data", {})]
    if everything or len(kept) < len(cell.outputs):
        cell.outputs, cell.execution_count = kept, None
