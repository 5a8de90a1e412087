"""A gallery's record of its embedder leads back to the catalog."""

import pytest

from engines.catalog import load_catalog, model_identity, name_of
from engines.errors import ModelMissingError


def test_each_model_is_found_by_its_identity() -> None:
    assert [name_of(model_identity(name)) for name in load_catalog()] == list(load_catalog())


def test_an_embedder_of_elsewhere_is_refused_with_what_there_is() -> None:
    for identity in ("sface-2020", "other-1", ""):
        with pytest.raises(ModelMissingError, match="which has sface"):
            name_of(identity)
