"""What stands at the top of a file beside routes: error handlers, intercepts, completions, beans."""
