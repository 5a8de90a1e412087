import engines  # noqa: F401  its setting for ONNX Runtime comes before the first import of that
