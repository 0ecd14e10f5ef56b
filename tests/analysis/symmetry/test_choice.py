"""The symmetry that is one of its kind."""

import pytest

from analysis.symmetry.choice import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_one_that_stands_for_its_kind_has_all_blocks(kind):
    assert all(block.dimension > 0 and block.copies == block.slots for block in KINDS[kind].blocks)
