"""A local cloud and broker for the demo, benchmarks and tests."""
