import json

import pytest

from medley.core import config
from medley.errors import ConfigError
from medley.tabular import CategoricalToNumerical, StructuredDataBlock, StructuredDataInput


def test_declarations_come_back_from_json():
    made = StructuredDataInput(["age", "sex"], {"sex": "categorical"}, name="facts")
    again = config.from_json(json.loads(json.dumps(config.to_json(made))))
    assert tuple(again.column_names) == ("age", "sex")
    assert again.column_types == {"sex": "categorical"}
    assert again.codec().fit([[1, 2], [3, 4]]).spec.columns[1].kind == "categorical"


def test_errors_name_arguments_and_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        StructuredDataInput(["a", "b"], {"c": "numerical", "a": "text"})
    assert 'column_types should be either "categorical" or "numerical", but got \'text\'' in str(caught.value)
    assert "column_names and column_types are mismatched." in str(caught.value)
    with pytest.raises(ConfigError, match="must differ"):
        StructuredDataInput(["a", "a"])


def test_it_knows_its_encoder_and_adapter():
    assert isinstance(StructuredDataInput().default_block(), StructuredDataBlock)
    assert isinstance(StructuredDataInput().adapter(), CategoricalToNumerical)
