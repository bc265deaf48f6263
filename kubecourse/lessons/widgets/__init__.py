"""Pictures that answer to a slider. Each is a pure function to a figure and a thin view around it."""
