"""What only the course needs: recordings of what happened, pictures of it, widgets to play with."""
