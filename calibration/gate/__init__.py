"""The gate: an INT8 file must answer like FP32 on people who calibrated nothing."""
