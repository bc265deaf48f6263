"""Helm on a simulated cluster: the real one, as a library or as the program on this machine.

`run(cluster, "install hello data/charts/hello")` returns what `helm` prints. Charts are read,
rendered, installed and stored by Helm's own Go code (`helm-python-sdk`, else the `helm` command):
it talks to the cluster over HTTPS as to any other. Here are only its command line and its tables.

- `cli.py`: commands and flags; `commands.py`: what they do; `printing.py`: how it is printed;
- `session.py`: the cluster is served while Helm works, and time passes while Helm waits;
- `recording.py`: on `tape` is what a chapter shows, and does, where there is no Helm.

Source of words and tables: helm's `pkg/cmd`, v4.
"""

from kubecourse.tools.helm.main import MISSING, available, run, shown, version
from kubecourse.tools.helm.recording import lab, tape

__all__ = ["MISSING", "available", "lab", "run", "shown", "tape", "version"]
