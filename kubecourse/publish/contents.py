"""How JupyterLab opens a notebook of the course: without the outputs that it was published with.

They are there for readers of the repository. In the lab they would give away what a learner is
about to predict, and a widget that another kernel drew is an empty frame. What learners save is
theirs: it has lost the mark, and opens as they left it. No file is changed by being opened.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from kubecourse.publish.source import PUBLISHED


class Unspoilt(AsyncLargeFileManager):
    """The contents manager of `kubecourse lab`."""

    async def get(self, *args: Any, **options: Any) -> Any:
        """A file or directory; a published notebook as if no cell had been run."""
        model = await super().get(*args, **options)
        if model["type"] == "notebook" and model["content"] is not None:
            notebook = model["content"]
            if notebook.metadata.pop(PUBLISHED, False):
                for cell in notebook.cells:
                    if cell.cell_type == "code":
                        cell.outputs, cell.execution_count = [], None
        return model
