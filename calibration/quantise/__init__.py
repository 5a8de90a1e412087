"""From FP32 to Q/DQ INT8: ranges, scales, equalisation, the graph."""
