"""The losses of `torch.nn`: their arguments with torch's defaults."""
