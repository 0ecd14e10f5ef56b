"""The ensemble's training: members are independent of each other, of chunks, of devices and of interruption."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ensemble import Moment, Snapshot, TrainConfig, Trained, replay, train
from ensemble.continuing import named_state
from ensemble.network import MLP, init_params
from ensemble.order import device_order, host_order, member_keys, order_keys
from ensemble.snapshot import SnapshotError
from ensemble.step import EVALUATION_BATCH, MemberState, Record, evaluate_members, member_step, optimizer
from tests.tiny import TINY, tiny_data

DATA = tiny_data()
TOLERANCE = 2e-5  # float32: products over other batch shapes round differently


def weights(matrices):
    return list(matrices)


def assert_same(one: Record, other: Record, tolerance: float = 0.0) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def kept(moment: Moment) -> Snapshot:
    snapshot = moment.snapshot()
    copies = jax.tree.map(np.array, (snapshot.state, snapshot.record))
    return Snapshot(snapshot.start, snapshot.epoch, *copies)


def states_after(epochs: int, chunk: int) -> dict[str, np.ndarray]:
    """The state of every member after so many epochs."""
    chunks: list[dict[str, np.ndarray]] = []

    def on_epoch(moment: Moment) -> None:
        if moment.epoch == epochs:
            chunks.append(named_state(kept(moment).state))

    train(replace(TINY, epochs=epochs, chunk=chunk), DATA, weights, on_epoch=on_epoch)
    return {name: np.concatenate([chunk[name] for chunk in chunks])[: TINY.members] for name in chunks[0]}


def of_members(record: Record, rows) -> Record:
    return jax.tree.map(lambda leaf: leaf[rows], record)


@pytest.fixture(scope="module")
def whole() -> Record:
    return train(TINY, DATA, weights).record


def test_records_every_member_before_training_and_after_every_epoch(whole):
    assert whole.test_accuracy.shape == (6, 4)
    assert [leaf.shape for leaf in whole.observed] == [(6, 4, 4, 16), (6, 4, 4, 4), (6, 4, 4, 4)]
    assert whole.finite.all()
    assert (whole.train_loss[:, 0] > whole.train_loss[:, -1]).all()
    assert len({row.tobytes() for row in whole.observed[0][:, 0]}) == 6


@pytest.mark.parametrize(("order", "orders"), [("independent", "host"), ("shared", "host"), ("independent", "device")])
def test_training_is_replay_on_the_same_batches(order, orders):
    config = replace(TINY, order=order, orders=orders, weight_decay=0.01)
    record = train(config, DATA, weights).record
    member, steps = 4, []
    for epoch in range(config.epochs):
        keys = order_keys(config.seed, np.array([member]), config.order)
        if orders == "host":
            steps.append(host_order(np.asarray(jax.random.key_data(keys)), epoch, len(DATA.train_images), 10)[:, 0])
        else:
            steps.append(np.asarray(device_order(keys, jnp.int32(epoch), len(DATA.train_images), 10))[:, 0])
    index = np.concatenate(steps)
    images = (DATA.train_images[index] / 255 - 0.5) / 0.5
    start = [leaf[member, 0].astype(np.float64) for leaf in record.observed]
    end, losses = replay(start, images, DATA.train_labels[index], config)
    for replayed, trained in zip(end, record.observed, strict=True):
        np.testing.assert_allclose(replayed, trained[member, -1], atol=TOLERANCE)
    np.testing.assert_allclose(losses.reshape(3, -1).mean(axis=1), record.train_loss[member, 1:], rtol=1e-5)


def loss_and_accuracy(kernels, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of one member, in NumPy."""
    features = ((images / 255 - 0.5) / 0.5).T
    *inner, last = [np.asarray(kernel, np.float64) for kernel in kernels]
    for kernel in inner:
        features = np.maximum(kernel @ features, 0)
    logits = last @ features
    log_probability = logits - np.log(np.exp(logits).sum(axis=0))
    picked = log_probability[labels, np.arange(len(labels))]
    return -picked.mean(), (logits.argmax(axis=0) == labels).mean()


@pytest.mark.parametrize("epoch", [0, -1])
def test_losses_and_accuracy_are_those_of_the_weights(whole, epoch):
    kernels = [leaf[2, epoch] for leaf in whole.observed]
    loss, accuracy = loss_and_accuracy(kernels, DATA.test_images, DATA.test_labels)
    np.testing.assert_allclose(whole.test_loss[2, epoch], loss, rtol=1e-5)
    np.testing.assert_allclose(whole.test_accuracy[2, epoch], accuracy, rtol=1e-6)


def test_the_training_loss_before_training_is_that_of_the_training_set(whole):
    start = [leaf[2, 0] for leaf in whole.observed]
    loss, _ = loss_and_accuracy(start, DATA.train_images, DATA.train_labels)
    np.testing.assert_allclose(whole.train_loss[2, 0], loss, rtol=1e-5)


def test_images_that_fill_up_the_last_batch_of_an_evaluation_count_for_nothing():
    network, data = MLP((4, 4)), tiny_data(test=EVALUATION_BATCH + 1)
    params = jax.vmap(lambda key: init_params(network, key, 16))(member_keys(0, np.arange(2)))
    losses, accuracies = evaluate_members(network, params, jnp.asarray(data.test_images), jnp.asarray(data.test_labels))
    for member in range(2):
        kernels = [params[name][member] for name in ("kernel0", "kernel1")]
        loss, accuracy = loss_and_accuracy(kernels, data.test_images, data.test_labels)
        np.testing.assert_allclose(losses[member], loss, rtol=1e-5)
        np.testing.assert_allclose(accuracies[member], accuracy, rtol=1e-6)


@pytest.mark.parametrize(("chunk", "devices"), [(2, 1), (3, 1), (6, 2), (100, 2)])
def test_chunks_and_devices_change_nothing(whole, chunk, devices):
    other = train(replace(TINY, chunk=chunk), DATA, weights, devices=devices).record
    assert_same(whole, other, TOLERANCE)
    np.testing.assert_array_equal(whole.observed[0][:, 0], other.observed[0][:, 0])


@pytest.mark.parametrize("members", [20, 1000])
def test_member_17_is_the_same_whichever_others_are_trained(members):
    alone = train(TINY, DATA, weights, members=np.array([17])).record
    among = of_members(train(replace(TINY, members=members, chunk=None), DATA, weights).record, [17])
    assert_same(alone, among, TOLERANCE)
    for one, other in zip(alone.observed, among.observed, strict=True):
        np.testing.assert_array_equal(one[:, 0], other[:, 0])


def test_the_same_configuration_gives_the_same_bytes(whole):
    assert_same(whole, train(TINY, DATA, weights).record)


def test_another_seed_gives_other_members(whole):
    other = train(replace(TINY, seed=1), DATA, weights).record
    assert (other.observed[1][:, 0] != whole.observed[1][:, 0]).all()


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_resuming_equals_not_stopping_in_every_byte(whole, stop):
    taken: list[Snapshot] = []

    def on_epoch(moment) -> None:
        taken.append(kept(moment))
        if len(taken) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, DATA, weights, on_epoch=on_epoch)
    assert_same(whole, train(TINY, DATA, weights, resume=taken[-1]).record)


def test_resuming_with_another_chunk_size_starts_the_chunk_anew(whole):
    taken: list[Snapshot] = []
    train(TINY, DATA, weights, on_epoch=lambda moment: taken.append(kept(moment)))
    resumed = train(replace(TINY, chunk=2), DATA, weights, resume=taken[-2]).record
    assert_same(whole, resumed, TOLERANCE)


def test_progress_counts_network_epochs():
    seen = []
    train(TINY, DATA, on_epoch=lambda moment: seen.append((moment.done, moment.total)))
    assert seen == [(4, 18), (8, 18), (12, 18), (14, 18), (16, 18), (18, 18)]


def test_a_chunk_that_was_chosen_already_is_not_chosen_again(monkeypatch):
    def fail(*arguments) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr("ensemble.trainer.plan_memory", fail)
    seen = []
    train(replace(TINY, chunk=None), DATA, devices=1, chunk=2, on_epoch=lambda moment: seen.append(moment.done))
    assert seen == [2, 4, 6, 8, 10, 12, 14, 16, 18]


def test_a_diverging_member_leaves_the_others_alone(whole):
    def poison(moment) -> None:
        if moment.done == 4:
            snapshots.append(kept(moment))

    snapshots: list[Snapshot] = []
    train(TINY, DATA, weights, on_epoch=poison)
    snapshot = snapshots[0]
    params = jax.tree.leaves(snapshot.state)
    params[0][1] = np.inf
    poisoned = train(TINY, DATA, weights, resume=snapshot).record
    others = [0, 2, 3, 4, 5]
    assert_same(of_members(whole, others), of_members(poisoned, others))
    assert poisoned.finite[1].tolist() == [True, True, False, False]


def test_no_epochs_records_the_start():
    record = train(replace(TINY, epochs=0), DATA).record
    assert record.test_loss.shape == (6, 1)
    assert (record.test_loss > 0).all()


def test_biases_take_part():
    config = replace(TINY, biases=True)
    params = init_params(MLP((4, 4), biases=True), jax.random.key(0), 16)
    assert sorted(params) == ["bias0", "bias1", "kernel0", "kernel1"]
    assert train(config, DATA).record.finite.all()


def test_biases_are_added_and_learned():
    network = MLP((4, 3), biases=True)
    shapes = init_params(network, jax.random.key(0), 16)
    assert not any(leaf.any() for name, leaf in shapes.items() if name.startswith("bias"))
    params = {name: leaf + 0.1 * k for k, (name, leaf) in enumerate(sorted(shapes.items()), start=1)}
    images = jax.random.normal(jax.random.key(1), (5, 16))
    hidden = np.maximum(params["kernel0"] @ images.T + params["bias0"], 0)
    expected = params["kernel1"] @ hidden + params["bias1"]
    logits = np.asarray(network.apply({"params": params}, images))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    start = MemberState(params, optimizer(TINY).init(params))
    state, _ = member_step(network, TINY, start, images, jnp.arange(5) % 3)
    for name, value in params.items():
        assert (state.params[name] != value).any(), name


def test_decay_acts_on_kernels_and_biases_alike():
    """As PyTorch's Adam: after one step the first moment is (1 - beta1) (gradient + decay w), of every parameter."""
    network, decay = MLP((4, 4), biases=True), 0.5
    shapes = init_params(network, jax.random.key(0), 16)
    params = {name: jnp.full(leaf.shape, 0.1 * k + 0.1) for k, (name, leaf) in enumerate(sorted(shapes.items()))}
    images = jax.random.normal(jax.random.key(1), (10, 16))

    def first_moment(config: TrainConfig):
        start = MemberState(params, optimizer(config).init(params))
        state, _ = member_step(network, config, start, images, jnp.arange(10) % 4)
        return optax.tree_utils.tree_get(state.optimizer, "mu")

    plain, decayed = (first_moment(replace(TINY, biases=True, weight_decay=value)) for value in (0.0, decay))
    for name, value in params.items():
        expected = plain[name] + (1 - TINY.beta1) * decay * value
        np.testing.assert_allclose(decayed[name], expected, rtol=1e-5, err_msg=name)


def test_a_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(ValueError, match="batch_size is 100, but tiny has 60 training images: give at most 60"):
        train(replace(TINY, batch_size=100), DATA)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("members", 0),
        ("epochs", -1),
        ("hidden", ()),
        ("hidden", (4, 0)),
        ("learning_rate", 0.0),
        ("beta1", -0.1),
        ("beta1", 1.0),
        ("beta2", -0.1),
        ("beta2", 1.0),
        ("eps", 0.0),
        ("weight_decay", -0.1),
        ("batch_size", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("chunk", 0),
    ],
)
def test_settings_out_of_range_are_named(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is "):
        TrainConfig(**{setting: value})


def test_settings_at_the_ends_of_their_ranges_are_taken():
    TrainConfig(members=1, epochs=0, hidden=(1,), beta1=0.0, beta2=0.0, batch_size=1, seed=2**32 - 1, chunk=1)


def test_keys_depend_on_seed_and_member_only():
    data = jax.random.key_data(member_keys(3, np.array([17, 5])))
    alone = jax.random.key_data(jax.random.fold_in(jax.random.key(3), 17))
    np.testing.assert_array_equal(data[0], alone)


@pytest.mark.parametrize("members", [range(6), range(1, 6)])
def test_a_training_that_has_ended_goes_on_as_if_it_had_not(whole, members):
    state = {name: leaf[members.start :] for name, leaf in states_after(2, chunk=4).items()}
    assert {"params.kernel0", "params.kernel2"} < set(state)
    done = []
    begun = train(
        TINY,
        DATA,
        weights,
        members=np.array(members),
        after=Trained(2, state),
        on_epoch=lambda moment: done.append((moment.epoch, moment.done, moment.total)),
    )
    assert done == [(3, 4, len(members)), (3, len(members), len(members))]
    assert not np.any(begun.record.test_loss[:, :3])
    last = jax.tree.map(lambda leaf: leaf[:, 3:], (begun.record, of_members(whole, slice(members.start, None))))
    assert_same(*last)


def test_a_state_of_another_training_is_refused():
    state = states_after(1, chunk=4)
    for trained, why in [
        (Trained(1, {name: leaf[:5] for name, leaf in state.items()}), "of another network"),
        (Trained(1, dict(list(state.items())[1:])), "of another network"),
        (Trained(1, {name: leaf.astype(np.float64) for name, leaf in state.items()}), "of another network"),
        (Trained(3, state), "has had 3 epochs"),
        (Trained(-1, state), "has had -1 epochs"),
    ]:
        with pytest.raises(SnapshotError, match=why):
            train(TINY, DATA, weights, after=trained)
