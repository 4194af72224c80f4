"""Measure a model: the loss, metrics, evaluation on a data set, and the confusion matrix."""
