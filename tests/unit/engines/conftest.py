import pytest

from engines.pipeline import FacePipeline, load_pipeline


@pytest.fixture(scope="session")
def pipeline() -> FacePipeline:
    return load_pipeline(threads=2)
