"""What every test shares: one thread, so that a run on two cores is not slowed by a third."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Bits and times that do not depend on how many cores a machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
