"""Random initial fields of periodic problems."""

import numpy as np

from sobolev.datasets.waves import SineWaves, smooth_field
from sobolev.geometry.grid import Grid


def test_waves_are_the_sum_that_is_written():
    waves = SineWaves(3.0, count=4, amplitude=0.2, highest=2)
    drawn = waves.draw(np.random.default_rng(0))
    amplitude, number, phase = drawn
    assert np.abs(amplitude).max() <= 0.2
    assert set(number) <= {1, 2}
    x = np.linspace(0, 3, 7)
    wanted = sum(
        a * np.sin(2 * np.pi * k * x / 3 + f)
        for a, k, f in zip(amplitude, number, phase, strict=True)
    )
    np.testing.assert_allclose(waves.evaluate(drawn, x), wanted, atol=1e-15)
    numbers = np.concatenate([waves.draw(np.random.default_rng(i))[1] for i in range(200)])
    assert abs(np.mean(numbers) - 1.5) < 0.06


def test_smooth_fields_have_the_size_that_is_asked_for():
    extent = ((0.0, 1.0), (0.0, 2.0))
    grid = Grid(extent, (16, 32), periodic=True)
    rng = np.random.default_rng(0)
    for constant_mode in (False, True):
        law = smooth_field(extent, 0.5, 0.3, modes=8, constant_mode=constant_mode)
        drawn = [law.evaluate(law.draw(rng), grid) for _ in range(400)]
        assert abs(np.sqrt(np.mean(np.square(drawn))) / 0.3 - 1) < 0.02
        assert (np.abs(np.mean(drawn, axis=(1, 2))).max() > 1e-3) == constant_mode
