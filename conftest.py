pytest_plugins = [
    "tests.notebooks.comparison",
    "tests.transcripts",
    "tests.fidelity",
    "tests.sharing",
]
