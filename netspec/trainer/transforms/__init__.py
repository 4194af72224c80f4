"""Transforms and augmentation as tensor operations on whole batches, on the device where the images lie."""
