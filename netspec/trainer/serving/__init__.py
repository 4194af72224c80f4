"""A trained net as a file for other programs: ONNX, or a program of torch.export."""
