"""The laws of initial kernels, the layout of layers, and the keys and orders from which all randomness derives."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble.config import Init, Order
from ensemble.laws import KERNEL_LAWS, kernel_law
from ensemble.network import MLP, first_layer, init_params, initializer, kernels, layer, normalise
from ensemble.order import device_order, host_order, member_keys, order_keys

OUTPUTS, INPUTS, DRAWS = 20, 50, 40
VARIANCE = {"gaussian": 1 / INPUTS, "uniform": 1 / (3 * INPUTS), "he": 2 / INPUTS, "glorot": 2 / (INPUTS + OUTPUTS)}


@pytest.mark.parametrize("init", VARIANCE)
def test_kernels_have_mean_zero_and_the_variance_of_their_law(init):
    keys = jax.random.split(jax.random.key(3), DRAWS)
    entries = np.asarray(jax.vmap(lambda key: initializer(init)(key, (OUTPUTS, INPUTS)))(keys), np.float64).ravel()
    kurtosis = 1.8 if init == "uniform" else 3.0
    error = np.sqrt(VARIANCE[init] / entries.size)
    assert abs(entries.mean()) < 4 * error
    assert abs(entries.var() / VARIANCE[init] - 1) < 4 * np.sqrt((kurtosis - 1) / entries.size)
    if init == "uniform":
        assert np.abs(entries).max() <= 1 / np.sqrt(INPUTS)
    else:
        assert abs((entries**4).mean() / VARIANCE[init] ** 2 - 3) < 4 * np.sqrt(96 / entries.size)


def test_orthogonal_kernels_have_orthonormal_rows():
    kernel = initializer("orthogonal")(jax.random.key(0), (OUTPUTS, INPUTS))
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(OUTPUTS), atol=1e-5)


@pytest.mark.parametrize("init", VARIANCE)
def test_the_variance_that_is_told_is_the_one_that_is_drawn(init):
    law = kernel_law(init)
    assert law is not None
    assert law.variance(OUTPUTS, INPUTS) == pytest.approx(VARIANCE[init])


def test_an_initialisation_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="init is 'zero'; it must be one of gaussian, uniform, he, glorot, orthogonal"):
        kernel_law("zero")


def test_every_law_is_tested():
    assert {*VARIANCE, "orthogonal"} == set(get_args(Init)) == set(KERNEL_LAWS)


def test_parameters_are_out_by_in():
    params = init_params(MLP((7, 5, 3)), jax.random.key(0), 11)
    assert [kernel.shape for kernel in kernels(params)] == [(7, 11), (5, 7), (3, 5)]


@pytest.mark.parametrize("function", [layer, first_layer])
def test_gradients_of_layers_are_those_of_the_plain_product(function):
    kernel = jax.random.normal(jax.random.key(1), (4, 6))
    inputs = jax.random.normal(jax.random.key(2), (6, 5) if function is layer else (5, 6))
    weights = jax.random.normal(jax.random.key(3), (4, 5))

    def plain(kernel, inputs):
        return kernel @ (inputs if function is layer else inputs.T)

    def total(product, kernel, inputs):
        return jnp.sum(weights * product(kernel, inputs))

    expected = jax.grad(total, (1, 2))(plain, kernel, inputs)
    actual = jax.grad(lambda *args: total(function, *args), (0, 1))(kernel, inputs)
    np.testing.assert_allclose(actual[0], expected[0], atol=1e-5)
    if function is layer:
        np.testing.assert_allclose(actual[1], expected[1], atol=1e-5)
    else:
        assert not np.any(actual[1])


def test_pixels_are_normalised_as_in_the_paper():
    pixels = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(normalise(jnp.asarray(pixels)), (pixels / 255 - 0.5) / 0.5, atol=1e-6)


def words(members: list[int], order: Order = "independent") -> np.ndarray:
    return np.asarray(jax.random.key_data(order_keys(5, np.array(members), order)))


def test_an_epochs_order_is_a_shuffle_of_whole_batches():
    order = host_order(words([3, 8]), 2, images=50, batch=8)
    assert order.shape == (6, 2, 8)
    for member in range(2):
        seen = order[:, member].ravel()
        assert len(set(seen.tolist())) == 48
        assert seen.min() >= 0
        assert seen.max() < 50


def test_orders_depend_on_member_and_epoch_and_nothing_else():
    both, alone = host_order(words([3, 8]), 2, 50, 8), host_order(words([8]), 2, 50, 8)
    np.testing.assert_array_equal(both[:, 1], alone[:, 0])
    assert (both[:, 0] != both[:, 1]).any()
    assert (host_order(words([8]), 3, 50, 8) != alone).any()
    np.testing.assert_array_equal(words([3, 8], "shared"), words([1], "shared"))


def test_the_device_shuffles_too():
    keys = member_keys(5, np.array([3, 8]))
    order = np.asarray(device_order(keys, jnp.int32(2), 50, 8))
    assert order.shape == (6, 2, 8)
    assert order.dtype == np.int32
    assert len(set(order[:, 0].ravel().tolist())) == 48
    alone = device_order(keys[1:], jnp.int32(2), 50, 8)
    np.testing.assert_array_equal(order[:, 1], np.asarray(alone)[:, 0])
    assert (np.asarray(device_order(keys, jnp.int32(3), 50, 8)) != order).any()
