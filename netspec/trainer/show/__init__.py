"""What people see of a run: a bar, lines, curves, a notebook, TensorBoard, and the page at its end."""
