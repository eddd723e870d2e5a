"""Files spoilt at random, each restored exactly or refused: `tests/faults/fuzz.py` tells more."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.copying import back_up
from tests.faults.fuzz import Examiner
from tests.shops import fill_shop


@pytest.fixture(scope="module")
def examiner(databases, tmp_path_factory):
    alias = fill_shop(databases.use("default"), rows=30)
    folder = tmp_path_factory.mktemp("fuzz")
    back_up(alias, folder / "good.sqlite3", "shop")
    return Examiner(folder / "good.sqlite3", alias, folder)


def test_an_unspoilt_file_is_restored(examiner):
    """Else the test below would tell nothing: all zeros flip a bit of the page size and back."""
    examiner.path.write_bytes(examiner.good.read_bytes())
    examiner.describe()
    assert examiner.restore()


def a_real_where_a_key_is_an_integer(text):
    """Found by long runs: such numbers come back equal, and as integers."""
    return example(data=bytes.fromhex(text))


@a_real_where_a_key_is_an_integer(
    "1672d5500566b248f1404514ecabed4470ff3780a9239d1d086731264688af1c15044a38c9bd429d"
)
@a_real_where_a_key_is_an_integer("26cdcdcdcdcd275a606c6f")
@given(data=st.binary(min_size=8, max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_a_spoilt_file_is_restored_exactly_or_refused(examiner, data):
    examiner.examine(data)
