"""Engines run by TensorRT: built on the device, cached by what they depend on.

Not run on hardware: no Jetson was at hand. What was checked without one is listed in
`docs/jetson.md`. Nothing here imports `tensorrt`, `cuda`, `pycuda` or `jetson_utils` before a
function that needs it is called.
"""
