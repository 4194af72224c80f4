"""What a model is measured by: the loss, metrics, their evaluation over a set, and who is taken for whom."""
