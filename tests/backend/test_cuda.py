"""The same code on a GPU: every equation, kernel and model, the training step, runs and files, against NumPy."""

import dataclasses

import numpy as np
import pytest

from draw_np import backend, datasets, equations, kernels
from draw_np.backend import captured, to_device, to_host, use_device, value_and_grad
from draw_np.cli import main
from draw_np.models import draw, glimpse_classifier, vae
from draw_np.models.prune import nats_of_units, pruned
from draw_np.training import checkpoint, loop
from draw_np.training.adam import first_weights
from draw_np.training.evaluation import evaluate, evaluate_classifier
from draw_np.training.gradient_check import as_tuple, function_cases, model_cases
from draw_np.training.loop import train
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.trees import map_leaves, named_leaves
from draw_np.training.update import Work, learning, update

OPS = {"equations": equations, "kernels": kernels}
SIZES = {"height": 9, "width": 7, "hidden": 6}
DRAW = draw.Config(**SIZES, steps=3, latent=5, read_size=2, write_size=4)
MODELS = {
    "draw": (draw, DRAW),
    "draw without attention": (draw, dataclasses.replace(DRAW, read_size=None, write_size=None)),
    "draw in colour": (draw, dataclasses.replace(DRAW, channels=3)),
    "vae": (vae, vae.Config(**SIZES, latent=5)),
    "classifier": (glimpse_classifier, glimpse_classifier.Config(**SIZES, steps=4, read_size=3, classes=5)),
}
RECIPE = Recipe(phases=(), clip=0.5, average=0.3)
BATCH = 2


def names():
    rng = np.random.default_rng(0)
    return [*function_cases(equations, rng), *model_cases(equations, rng)]


def outputs_and_gradient(ops, name):
    """What one case of the gradient table returns on the device in use, and its gradient."""
    rng = np.random.default_rng(1)
    function, arguments = {**function_cases(ops, rng), **model_cases(ops, rng)}[name]

    def scalar(arguments):
        return sum(backend.np.sum((k + 1) * output) for k, output in enumerate(as_tuple(function(arguments))))

    arguments = to_device(arguments)
    gradient = to_host(value_and_grad(scalar, arguments)[1])
    return [*to_host(list(as_tuple(function(arguments)))), *named_leaves(gradient).values()]


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("name", names())
def test_every_function_and_its_gradient(cuda, ops, name):
    found = outputs_and_gradient(OPS[ops], name)
    use_device("cpu")
    expected = outputs_and_gradient(OPS[ops], name)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert isinstance(a, np.ndarray) and a.dtype == b.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("left, right", [("f2", "f2"), ("f2", "f4"), ("f4", "f8"), ("i4", "f4"), ("i8", "i8")])
def test_products_of_other_types(cuda, left, right):
    """cuBLAS reads memory as the one type that it is told, float32 or float64, and would find other numbers there."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(-8, 8, (2, 5, 3)).astype(left), rng.integers(-8, 8, (2, 3, 4)).astype(right)
    product = to_host(to_device(a) @ to_device(b))
    assert product.dtype == np.result_type(a, b, np.float32)
    np.testing.assert_array_equal(product, a @ b)
    total, rows, columns = rng.integers(-8, 8, (3, 4)).astype("f4"), a.reshape(-1, 3), np.resize(b, (10, 4))
    for order in "C", "F":
        on_gpu = to_device(np.array(total, order=order))
        backend.add_product(on_gpu, to_device(rows), to_device(columns))
        np.testing.assert_array_equal(to_host(on_gpu), total + rows.T @ columns)


def test_bytes_in_the_other_order_are_turned_on_the_way(cuda):
    array = np.arange(6.0).reshape(2, 3)
    found = to_host(to_device({"a": array.astype(">f4"), "b": [array.astype("<f4")]}))
    for each in found["a"], *found["b"]:
        assert each.dtype == np.float32
        np.testing.assert_array_equal(each, array)


def model_case(name, dtype, seed=2):
    """Parameters, images and what else a model's step takes."""
    model, config = MODELS[name]
    rng = np.random.default_rng(seed)
    params = map_leaves(
        lambda leaf: leaf + 0.1 * rng.standard_normal(leaf.shape).astype(dtype),
        model.init_params(config, rng, dtype=dtype),
    )
    shape = (BATCH, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    batches = []
    for _ in range(3):
        labels = rng.integers(5, size=BATCH)
        given = labels if model is glimpse_classifier else model.sample_noise(config, BATCH, rng, dtype)
        batches.append((rng.random(shape).astype(dtype), given))
    return model, config, params, batches


def three_updates(name, dtype, ops, wrap=captured, optimiser="adam", kept=None, frozen=()):
    """The weights and losses of three updates whose rate and whose KL's weight change, on the device in use."""
    model, config, params, batches = model_case(name, dtype)

    if kept is not None:
        params, config = pruned(params, kept), dataclasses.replace(config, latent=len(kept))
        batches = [(images, np.ascontiguousarray(noise[..., kept])) for images, noise in batches]
    params = to_device(params)
    work = Work(model, config, ops, RECIPE, optimiser, learning(params, frozen) if frozen else None)

    def step(weights, images, given, rate, kl_weight):
        return update(weights, images, given, rate, kl_weight, work)

    weights, step, losses = to_device(first_weights(params)), wrap(step), []
    for number, (images, given) in enumerate(batches):
        kl_weight = None if model is glimpse_classifier else np.array([1, 0.3 * number], np.float32)
        if wrap is not captured:
            images, given, kl_weight = to_device((images, given, kl_weight))
        weights, found = step(weights, images, given, 0.01 * (number + 1), kl_weight)
        losses.append(found)
    return to_host((weights, losses))


def assert_close(found, expected, rtol):
    (found, found_losses), (expected, expected_losses) = found, expected
    assert found.adam.count == expected.adam.count == 3
    for a, b in zip(found_losses, expected_losses):
        assert {k: float(v) for k, v in a.items()} == pytest.approx({k: float(v) for k, v in b.items()}, rel=rtol)
    for tree, other in ((found.params, expected.params), (found.average, expected.average)):
        a, b = named_leaves(tree), named_leaves(other)
        assert a.keys() == b.keys()
        for leaf in a:
            assert a[leaf].dtype == b[leaf].dtype
            np.testing.assert_allclose(a[leaf], b[leaf], rtol=rtol, atol=rtol, err_msg=leaf)


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("error:not recorded")
def test_recorded_updates_are_those_of_numpy(cuda, name, ops):
    found = three_updates(name, np.float64, OPS[ops])
    use_device("cpu")
    assert_close(found, three_updates(name, np.float64, OPS[ops]), 1e-10)


@pytest.mark.parametrize("frozen", [(), draw.DECODER])
@pytest.mark.filterwarnings("error:not recorded")
def test_recorded_updates_of_a_pruned_network_without_a_schedule(cuda, frozen):
    how = {"optimiser": "schedule-free", "kept": [1, 3], "frozen": frozen}
    found = three_updates("draw", np.float64, kernels, **how)
    assert found[0].params["decoder"]["W"].shape == (2, 24)
    use_device("cpu")
    assert_close(found, three_updates("draw", np.float64, kernels, **how), 1e-9)


def test_which_units_are_inactive(cuda):
    model, config, params, ((images, noise), *_) = model_case("draw", np.float64)
    given = to_device((images, noise))
    found = to_host(nats_of_units(to_device(params), config, *given, kernels))
    use_device("cpu")
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, nats_of_units(params, config, images, noise, kernels), rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("error:not recorded")
def test_float32_stays_and_recording_changes_nothing(cuda, name):
    found = three_updates(name, np.float32, kernels)
    directly = three_updates(name, np.float32, kernels, wrap=lambda step: step)
    assert_close(found, directly, 1e-6)
    use_device("cpu")
    assert_close(found, three_updates(name, np.float32, kernels), 1e-4)


def test_memory_for_time(cuda):
    model, config, params, ((images, noise), *_) = model_case("draw", np.float64)
    arguments = to_device(params), config, to_device(images), to_device(noise), kernels

    def loss_in_parts(params):
        x, z = model.bound(params, *arguments[1:], keep_every=2)
        return backend.np.sum(x) + backend.np.sum(z)

    def loss(params):
        x, z = model.bound(params, *arguments[1:])
        return backend.np.sum(x) + backend.np.sum(z)

    (value, gradient), (expected, slopes) = (to_host(value_and_grad(f, arguments[0])) for f in (loss_in_parts, loss))
    assert value == pytest.approx(float(expected), rel=1e-12)
    for a, b in zip(named_leaves(gradient).values(), named_leaves(slopes).values()):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_replay_waits_for_nothing_and_takes_new_inputs(cuda, request):
    calls = []

    def step(state, x, rate):
        calls.append(1)
        return state + rate * x, {"sum": backend.arrays.sum(state)}

    step = captured(step)
    state, first = step(to_device(np.ones(3)), np.arange(3.0), 1.0)
    waits = getattr(cuda.cuda, "waits", 0)
    state, second = step(state, np.arange(3.0) + 1, 10.0)
    state, third = step(state, np.arange(3.0), 0.0)
    assert getattr(cuda.cuda, "waits", 0) == waits
    assert len(calls) == 3  # two to warm up, one to record
    assert to_host(state).tolist() == [11.0, 22.0, 33.0]
    assert [float(found["sum"]) for found in to_host([first, second, third])] == [3.0, 6.0, 66.0]


def test_many_arrays_can_be_put_together_while_recording(cuda):
    parts = [np.full((2, k + 1), float(k)) for k in range(20)]
    step = captured(lambda state: (state, backend.arrays.concatenate(state, axis=1)))
    np.testing.assert_array_equal(to_host(step(to_device(parts))[1]), np.concatenate(parts, axis=1))


@pytest.mark.parametrize("shapes", [
    ((4, 3), (3, 5)), ((2, 4, 3), (2, 3, 5)), ((2, 1, 4, 3), (2, 6, 3, 5)), ((2, 6, 4, 3), (2, 1, 3, 5)),
    ((4, 3), (3,)), ((3,), (3, 5)), ((3,), (3,)), ((1, 3), (3, 1)), ((4, 1), (1, 5)), ((2, 4, 0), (2, 0, 5)),
    ((4, 3), (2, 3, 5)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matrix_products_of_any_layout(cuda, shapes, dtype):
    rng = np.random.default_rng(4)
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    left, right = to_device(a), to_device(b)
    layouts = [(left, right)]
    if a.ndim > 1 and b.ndim > 1:
        turned = [to_device(np.ascontiguousarray(m.swapaxes(-1, -2))).swapaxes(-1, -2) for m in (a, b)]
        strided = [to_device(np.repeat(m, 2, axis=-1))[..., ::2] for m in (a, b)]
        layouts += [(left, turned[1]), (turned[0], right), turned, strided]
    for x, y in layouts:
        found = to_host(x @ y)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, a @ b, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)


def test_what_cannot_be_recorded_runs_all_the_same_with_a_warning(cuda):
    def looks(state):
        return state + float(backend.arrays.sum(state)), ()

    looks = captured(looks)
    with pytest.warns(UserWarning, match="not recorded as a CUDA graph"):
        state, _ = looks(to_device(np.ones(3)))
    assert to_host(state).tolist() == [4, 4, 4]
    assert to_host(looks(state)[0]).tolist() == [16, 16, 16]


PHASES = (
    Phase(3, Ramp(0.0, 4e-3), {"steps": 1}, kl=Ramp(0.0, 1.0)),
    Phase(3, 4e-3, {"steps": 1}),
    Phase(9, Ramp(4e-3, 0.0)),
)
PRESET = Run(
    "small",
    "draw",
    draw.Config(steps=2, hidden=8, latent=3, read_size=2, write_size=4),
    "mnist",
    Recipe(PHASES, batch=7, images=38, validation_images=16),
)


def all_leaves(folder):
    return named_leaves(checkpoint.load(folder / "checkpoint.npz")[0])


def test_a_run_moves_from_one_device_to_the_other(cuda, tmp_path, small_digits):
    train(PRESET, tmp_path / "moved", seed=1, updates=5)
    use_device("cpu")
    train(PRESET, tmp_path / "moved", updates=10, resume=True)
    train(PRESET, tmp_path / "still", seed=1, updates=5)
    train(PRESET, tmp_path / "still", updates=10, resume=True)
    use_device("cuda")
    for folder in ("moved", "still"):
        train(PRESET, tmp_path / folder, updates=15, resume=True)
    moved, still = all_leaves(tmp_path / "moved"), all_leaves(tmp_path / "still")
    assert moved.keys() == still.keys()
    for name, leaf in moved.items():
        assert isinstance(leaf, np.ndarray) and leaf.dtype == np.float32
        np.testing.assert_allclose(leaf, still[name], rtol=1e-3, atol=1e-4, err_msg=name)
    lines = (tmp_path / "moved" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 15 and all('"nats"' in line for line in lines)


def test_a_run_whose_images_change_their_shape(cuda, tmp_path, monkeypatch):
    """Staged at first, whole from then on, pruned, and shown to the encoder alone: each has a record of its own."""
    few = datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    phases = (
        Phase(4, Ramp(0.0, 1e-3), {}, {"staged": True}, kl=Ramp(0.0, 1.0), optimiser="schedule-free"),
        Phase(2, 1e-3, optimiser="schedule-free", prune=True),
        Phase(2, 1e-3, optimiser="schedule-free", frozen=draw.DECODER),
    )
    config = draw.Config(60, 60, steps=2, hidden=8, latent=3, read_size=2, write_size=4)
    recipe = Recipe(phases, batch=3, validation_images=4, lstm_clip=0.05)
    recorded = []
    monkeypatch.setattr(loop, "captured", lambda step: recorded.append(step) or captured(step))
    for device in ("cuda", "cpu"):
        use_device(device)
        train(Run("small", "draw", config, "two-digit-mnist", recipe), tmp_path / device)
    assert len(recorded) == 6  # once a phase
    there, here = all_leaves(tmp_path / "cuda"), all_leaves(tmp_path / "cpu")
    for name, leaf in there.items():
        np.testing.assert_allclose(leaf, here[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_evaluation(cuda):
    model, config, params, ((images, _), *_) = model_case("draw", np.float64)
    classifier, sizes, weights, ((pictures, labels), *_) = model_case("classifier", np.float64)

    def both():
        bound = evaluate(model, params, config, images, np.random.default_rng(3), importance_samples=2)
        error = evaluate_classifier(classifier, weights, sizes, pictures, labels)
        return [bound.nll_bound, bound.kl, bound.nll_estimate, *error]

    found = both()
    use_device("cpu")
    assert found == pytest.approx(both(), rel=1e-6)


def test_commands(cuda, tmp_path, capsys):
    config = draw.Config(steps=2, hidden=8, latent=3, read_size=2, write_size=4)
    params, weights = draw.init_params(config, np.random.default_rng(0)), str(tmp_path / "weights.npz")
    checkpoint.save(weights, {"params": params}, checkpoint.describe("draw", config))
    assert (
        main(["sample", "--weights", weights, "--out", str(tmp_path / "a.png"), "--count", "2", "--device", "cuda"])
        == 0
    )
    command = ["evaluate", "--weights", weights, "--dataset", "mnist", "--images", "2"]
    assert main([*command, "--device", "cuda"]) == 0 and main([*command, "--device", "cpu"]) == 0
    first, second = [line for line in capsys.readouterr().out.splitlines() if "at most" in line]
    assert first == second
    assert main(["train", "--preset", "tiny", "--out", "x", "--threads", "2", "--device", "cuda"]) == 1
    assert "--threads is for the cores of the processor" in capsys.readouterr().err


SLOPES = {
    "add": lambda xp, x: x[0] + x[1], "subtract": lambda xp, x: x[0] - x[1], "multiply": lambda xp, x: x[0] * x[1],
    "true_divide": lambda xp, x: x[0] / x[1], "power": lambda xp, x: x[0] ** 3, "negative": lambda xp, x: -x[0],
    "exp": lambda xp, x: xp.exp(x[0]), "log": lambda xp, x: xp.log(x[0]), "tanh": lambda xp, x: xp.tanh(x[0]),
    "sqrt": lambda xp, x: xp.sqrt(x[0]), "clip": lambda xp, x: xp.clip(x[0], 0.5, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_every_rule_of_one_entry(cuda, name):
    """Also at the ends of a clip, where NumPy's slope is 0."""
    from draw_np.backend.derivatives import ELEMENTWISE

    assert SLOPES.keys() == ELEMENTWISE.keys()
    x = np.array([[0.25, 0.5, 0.75, 1.0, 1.5], [1.3, 0.7, 0.4, 2.0, 0.9]])
    found = to_host(value_and_grad(lambda x: SLOPES[name](backend.np, x), to_device(x))[1])
    use_device("cpu")
    expected = value_and_grad(lambda x: SLOPES[name](backend.np, x), x)[1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
