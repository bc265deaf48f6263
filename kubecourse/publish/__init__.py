"""From the repository to a learner: the command line, notebooks, handouts, the ledger.

- `cli.py`: the `kubecourse` command; `serving.py`: its `serve`.
- `source.py` reads `notebooks/source`, `course.py` adds links, times and titles, `glossary.py`
  gathers the terms, `build.py` runs a chapter and keeps what is the same everywhere.
- `handouts.py` puts it on paper, with `chromium.py`.
- `fidelity.py` says how faithful the simulated cluster is.
- `doctor.py` tries what this machine has, Docker by `trial_container.py`; `contents.py` is how
  JupyterLab opens what was built.
"""
