"""Show a run: progress bar, lines, notebook output, curves, TensorBoard logs, and the HTML report."""
