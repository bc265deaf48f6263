pytest_plugins = ["tests.notebooks.comparison"]
