"""Transforms and augmentation as tensor operations on whole batches, on the device of the images."""
