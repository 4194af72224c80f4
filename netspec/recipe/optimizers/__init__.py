"""The optimisers of `torch.optim`: their arguments with torch's defaults."""
