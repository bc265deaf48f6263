"""Everything that leads from the repository to a learner: the command line, later handouts."""
