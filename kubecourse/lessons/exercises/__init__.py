"""Exercises with a check, two hints and a solution; predictions; and how far the learner is.

    from kubecourse.lessons.exercises import Exercises, predict, progress

    progress(chapter=4)                       # a bar
    ex = Exercises(cluster, chapter=4)
    ex.scale                                  # shows what to do, and prepares the cluster for it
    ex.scale.check()                          # not tried, wrong, right, or cannot tell
    ex.scale.hint(); ex.scale.solution(); ex.scale.reset()
    predict("crash")                          # a choice of answers, each with a reply

**Adding an exercise** to chapter N takes an entry in `chapter_N.yaml` (what is prepared, the
solution), a function of its name in `chapter_N.py` or a `chapter_N_….py` (the check), its texts in
`messages/chapter_N.yaml`, and wrong answers in `tests/lessons/exercises/chapter_N.yaml`. A test
fails for whatever is left out.
"""

from kubecourse.lessons.exercises.exercise import Exercise, Exercises
from kubecourse.lessons.exercises.learner import progress
from kubecourse.lessons.exercises.prediction import Prediction, predict

__all__ = ["Exercise", "Exercises", "Prediction", "predict", "progress"]
