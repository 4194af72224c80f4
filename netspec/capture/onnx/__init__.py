"""ONNX files: read as data, made into a module of torch's layers, and imported as any module is."""
