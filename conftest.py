pytest_plugins = [
    "tests.fidelity",
    "tests.sharing",
    "tests.notebooks.comparison",
    "tests.transcripts",
]
