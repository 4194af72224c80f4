"""Programs of `torch.export`, read as data: an archive → its graph → a module of torch's → the spec of it."""
