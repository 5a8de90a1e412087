"""NVIDIA DeepStream: our pair of models as elements of its pipelines."""
