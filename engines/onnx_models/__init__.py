"""Work on ONNX graphs: converters, FP16, lint of Q/DQ."""
