import os

# ONNX Runtime 1.29 and later report sessions to their maker unless this is set before they are
# imported. A device that sees faces reports nothing to anybody.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
