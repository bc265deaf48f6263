"""What only the course needs: recordings of what happened, pictures of it, widgets to play with.

Code that speaks to the learner takes its words from `kubecourse.lessons.messages`.
"""
