"""The bound against a direct sum, and the importance-sampled estimate against integrals that are known."""

import json
import math
import statistics
import warnings

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.datasets import Split
from draw_np.models import draw, glimpse_classifier, vae
from draw_np.training import evaluation
from draw_np.training.evaluation import evaluate, evaluate_classifier, standard_error
from draw_np.training.trees import map_leaves

DRAW = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
VAE = vae.Config(height=8, width=7, hidden=6, latent=5)
COUNT = 11


def model_case(model, config, seed=0, dtype=np.float64):
    """A model with weights large enough for the noise to matter, and images."""
    rng = np.random.default_rng(seed)
    params = model.init_params(config, rng, rng.random((config.height, config.width)), dtype)
    params["mu"]["W"] *= 10
    params["decoder"]["W"] *= 10
    return params, (rng.random((COUNT, config.height, config.width)) < 0.3).astype(dtype)


BOTH = pytest.mark.parametrize("model, config", [(draw, DRAW), (vae, VAE)])


@BOTH
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])  # whatever it is, images are added up in float64
def test_against_a_direct_sum(model, config, samples, dtype, monkeypatch):
    """The noise is drawn batch after batch; the importance samples' has a generator of its own."""
    monkeypatch.setattr(evaluation, "BATCH", 4)
    params, images = model_case(model, config, dtype=dtype)
    found = evaluate(model, params, config, images, np.random.default_rng(3), samples)
    rng, L_x, L_z, estimates = np.random.default_rng(3), [], [], []
    importance_rng = rng.spawn(1)[0]
    for batch in images[:4], images[4:8], images[8:]:
        reconstruction, latent = model.bound(params, config, batch, model.sample_noise(config, len(batch), rng))
        L_x.extend(map(float, reconstruction))
        L_z.extend(latent.T.astype(float).tolist())
        if samples > 1:
            noises = [model.sample_noise(config, len(batch), importance_rng) for _ in range(samples)]
            weights = [model.log_importance_weight(params, config, batch, noise) for noise in noises]
            for image in zip(*weights):
                image = [float(w) for w in image]
                largest = max(image)
                estimates.append(-largest - math.log(sum(math.exp(w - largest) for w in image) / samples))
    bounds = [x + math.fsum(z) for x, z in zip(L_x, L_z)]
    assert found.nll_bound == pytest.approx(statistics.fmean(bounds), rel=1e-12)
    assert found.standard_error == pytest.approx(statistics.stdev(bounds) / math.sqrt(COUNT), rel=1e-12)
    assert found.reconstruction == pytest.approx(statistics.fmean(L_x), rel=1e-12)
    assert found.kl == pytest.approx(statistics.fmean(map(math.fsum, L_z)), rel=1e-12)
    np.testing.assert_allclose(found.kl_per_step, np.mean(L_z, axis=0), rtol=1e-12)
    assert (found.images, found.importance_samples) == (COUNT, samples)
    if samples == 1:
        assert found.nll_estimate is None and found.nll_estimate_standard_error is None
    else:
        assert found.nll_estimate == pytest.approx(statistics.fmean(estimates), rel=1e-12)
        expected = statistics.stdev(estimates) / math.sqrt(COUNT)
        assert found.nll_estimate_standard_error == pytest.approx(expected, rel=1e-12)


def test_intensities_have_a_floor_and_bits_have_none():
    params, bits = model_case(vae, VAE)
    grey = np.random.default_rng(1).random(bits.shape)
    entropy = -statistics.fmean(
        sum(x * math.log(x) + (1 - x) * math.log(1 - x) for x in image) for image in grey.reshape(COUNT, -1).tolist()
    )
    for images, floor in (bits, 0), (grey, entropy):
        found = evaluate(vae, params, VAE, images, np.random.default_rng(0))
        assert found.floor == pytest.approx(floor, rel=1e-12) and found.reconstruction > found.floor
        score, said = evaluation.bound_score(vae, params, VAE, Split(images, None), 0, equations)
        above = found.nll_bound - floor
        assert score == ({"": round(found.nll_bound, 3), **({"_above_floor": round(above, 3)} if floor else {})})
        assert said == f"bound {score['']:.2f} nats" + (
            f", {score['_above_floor']:.2f} above the floor" if floor else ""
        )


def test_the_numbers_are_plain_ones():
    params, images = model_case(draw, DRAW)
    found = evaluate(draw, params, DRAW, images, np.random.default_rng(0), 2)
    json.dumps([value for value in found if not isinstance(value, np.ndarray)])
    assert found.nll_bound == pytest.approx(found.reconstruction + found.kl, rel=1e-12)
    assert found.kl_per_step.shape == (3,) and found.kl_per_step.dtype == np.float64


@BOTH
def test_a_posterior_that_is_the_prior_and_a_decoder_that_ignores_the_code(model, config):
    """Then q(z | x) is p(z | x): the bound is -log p(x), no weight varies, and any number of samples is exact."""
    params, images = model_case(model, config)
    for name in ("mu", "sigma"):  # mu = 0, sigma = exp(0)
        params[name]["W"][:], params[name]["b"][:] = 0, 0
    params["decoder"]["W"][:] = 0
    for samples in (2, 7):
        found = evaluate(model, params, config, images, np.random.default_rng(0), samples)
        assert found.kl == pytest.approx(0, abs=1e-7)
        assert found.nll_estimate == pytest.approx(found.nll_bound, rel=1e-8)
        assert found.nll_estimate_standard_error == pytest.approx(found.standard_error, rel=1e-6)


def test_the_estimate_approaches_an_integral_over_the_one_latent_number():
    config = vae.Config(height=2, width=3, hidden=6, latent=1)
    params, images = model_case(vae, config, seed=1)
    params["mu"]["W"] /= 10
    params["decoder"]["W"] /= 2
    z = np.linspace(-9, 9, 4001)
    log_prior = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    hidden = np.tanh(z[:, None] @ params["decoder"]["W"] + params["decoder"]["b"])
    logits = hidden @ params["canvas"]["W"] + params["canvas"]["b"]  # (4001, 6)
    exact = []
    for image in images.reshape(COUNT, -1):
        log_joint = log_prior + (image * logits - np.logaddexp(0, logits)).sum(axis=1)
        exact.append(-math.log(np.trapezoid(np.exp(log_joint), z)))
    exact = statistics.fmean(exact)

    def mean_of(samples, repeats):
        values = []
        for seed in range(repeats):
            found = evaluate(vae, params, config, images, np.random.default_rng(seed), samples)
            values.append(found.nll_bound if samples == 1 else found.nll_estimate)
        return statistics.fmean(values), statistics.stdev(values) / math.sqrt(repeats)

    bound, bound_error = mean_of(1, 300)
    few, few_error = mean_of(5, 100)
    many, many_error = mean_of(1000, 4)
    assert bound - exact > 6 * bound_error > 0  # this posterior is a bad one, so there is something to gain
    assert bound - few > 4 * (bound_error + few_error)
    assert few - exact > -4 * few_error
    assert abs(many - exact) < max(4 * many_error, 1e-3) < 0.1 * (bound - exact)


def test_how_images_are_split_into_batches_matters_only_to_the_order_of_the_noise(monkeypatch):
    """With one step the noise comes in the order of the images; with more, in the order of batches and steps."""

    def bound(model, config, params, images, size):
        monkeypatch.setattr(evaluation, "BATCH", size)
        return evaluate(model, params, config, images, np.random.default_rng(0)).nll_bound

    params, images = model_case(vae, VAE)
    one = bound(vae, VAE, params, images, COUNT)
    for size in (1, 2, 3, 10, 100):
        assert bound(vae, VAE, params, images, size) == pytest.approx(one, rel=1e-12)
    params, images = model_case(draw, DRAW)
    assert abs(bound(draw, DRAW, params, images, 3) - bound(draw, DRAW, params, images, COUNT)) > 1e-6
    params["sigma"]["W"][:], params["sigma"]["b"][:] = 0, -20  # no noise is left
    one = bound(draw, DRAW, params, images, COUNT)
    for size in (1, 2, 3, 10):
        assert bound(draw, DRAW, params, images, size) == pytest.approx(one, rel=1e-6)


def test_the_generator_decides():
    params, images = model_case(draw, DRAW)
    one, two, other = (
        evaluate(draw, params, DRAW, images, np.random.default_rng(seed), 3)._asdict() for seed in (0, 0, 1)
    )
    assert np.array_equal(one.pop("kl_per_step"), two.pop("kl_per_step")) and one == two
    assert one["nll_bound"] != other["nll_bound"] and one["nll_estimate"] != other["nll_estimate"]


def test_one_image_has_no_spread():
    params, images = model_case(draw, DRAW)
    found = evaluate(draw, params, DRAW, images[:1], np.random.default_rng(0), 2)
    assert found.standard_error == found.nll_estimate_standard_error == 0 and found.images == 1
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1.0)


def test_nothing_to_evaluate_is_refused():
    params, images = model_case(draw, DRAW)
    for chosen in (images[:0], [], None, 3, images.sum(), iter(images)):
        with pytest.raises(ValueError, match="^nothing to evaluate: no images, but [^\n]+$"):
            evaluate(draw, params, DRAW, chosen, np.random.default_rng(0))
    for samples in (0, -1, 1.5, True, "3", None, [2]):
        with pytest.raises(ValueError, match="^importance_samples must be a whole number of at least 1, got "):
            evaluate(draw, params, DRAW, images, np.random.default_rng(0), samples)
    for rng in (None, 0, np.random.RandomState(0)):
        with pytest.raises(ValueError, match="^rng is a .*: pass a Generator"):
            evaluate(draw, params, DRAW, images, rng)


def test_the_number_of_samples_may_be_numpy_s():
    params, images = model_case(draw, DRAW)
    found = [evaluate(draw, params, DRAW, images, np.random.default_rng(0), kind(2)) for kind in (int, np.uint8)]
    assert repr(found[0]) == repr(found[1]) and type(found[1].importance_samples) is int


def test_progress_sees_every_batch(monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", 4)
    params, images = model_case(draw, DRAW)
    seen = []

    def progress(batches):
        for batch in batches:
            seen.append(batch)
            yield batch

    evaluate(draw, params, DRAW, images, np.random.default_rng(0), progress=progress)
    assert len(seen) == 3


@pytest.mark.parametrize("ops", [equations, kernels])
def test_a_classifier_s_error_against_counting(ops, monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", 4)
    config = glimpse_classifier.Config(height=8, width=7, steps=3, hidden=6, read_size=4, classes=3)
    rng = np.random.default_rng(0)
    params = glimpse_classifier.init_params(config, rng)
    params["classes"]["b"] += np.array([0.3, 0, -0.1], np.float32)
    images, labels = rng.random((COUNT, 8, 7), np.float32), rng.integers(3, size=COUNT)
    found = evaluate_classifier(glimpse_classifier, params, config, images, labels, ops)
    logits = glimpse_classifier.look(params, config, images).logits.astype(float)
    wrong = [float(np.argmax(row) != label) for row, label in zip(logits, labels)]
    assert 0 < sum(wrong) < COUNT
    assert found.error == pytest.approx(100 * statistics.fmean(wrong))
    assert found.standard_error == pytest.approx(100 * statistics.stdev(wrong) / math.sqrt(COUNT))
    nats = [math.log(sum(math.exp(v) for v in row)) - row[label] for row, label in zip(logits, labels)]
    assert found.cross_entropy == pytest.approx(statistics.fmean(nats), rel=1e-5)
    assert found.images == COUNT
    json.dumps(found)


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda labels: np.eye(3, dtype=int)[labels], r"shape \(11,\), got int64 of \(11, 3\)"),
        (lambda labels: labels[:, None], r"shape \(11,\), got int64 of \(11, 1\)"),
        (lambda labels: labels[:10], r"shape \(11,\), got int64 of \(10,\)"),
        (lambda labels: labels.astype(float), r"whole numbers of shape \(11,\), got float64"),
        (lambda labels: labels == 1, r"whole numbers of shape \(11,\), got bool"),
        (lambda labels: labels + 1, "from 0 to 2, got 1 to 3"),
        (lambda labels: -labels, "from 0 to 2, got -2 to 0"),
        (lambda labels: None, "got object"),
        (lambda labels: "0", "got <U1"),
    ],
)
def test_a_classifier_s_labels_that_the_loss_refuses(ops, spoil, said):
    """They would be counted as errors, or not at all."""
    config = glimpse_classifier.Config(height=8, width=7, steps=2, hidden=6, read_size=4, classes=3)
    rng = np.random.default_rng(0)
    params = glimpse_classifier.init_params(config, rng)
    images, labels = rng.random((COUNT, 8, 7), np.float32), np.arange(COUNT) % 3
    with pytest.raises(ValueError, match=f"^labels must be .*{said}"):
        evaluate_classifier(glimpse_classifier, params, config, images, spoil(labels), ops)
    listed, array = (
        evaluate_classifier(glimpse_classifier, params, config, images, each, ops) for each in (labels.tolist(), labels)
    )
    assert listed == array


def test_a_classifier_of_no_images():
    config = glimpse_classifier.Config()
    with pytest.raises(ValueError, match="no images"):
        evaluate_classifier(glimpse_classifier, None, config, np.zeros((0, 100, 100)), np.zeros(0, int))


@pytest.mark.parametrize("size", [1e30, -3e38])
@pytest.mark.parametrize("ops", [equations, kernels])
@BOTH
def test_weights_of_no_use_say_so_in_the_result_and_without_a_warning(model, config, ops, size):
    params, images = model_case(model, config, dtype=np.float32)
    params = map_leaves(lambda leaf: np.full_like(leaf, size), params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(model, params, config, images, np.random.default_rng(0), 2, ops)
        canvases = model.generate(params, config, model.sample_noise(config, 2, np.random.default_rng(0)), ops).canvases
    assert not np.isfinite(found.nll_bound) or found.nll_bound > 1e6
    assert canvases.shape[1:] == (2, 8, 7)


def test_a_classifier_s_weights_of_no_use_do_not_warn_either():
    config = glimpse_classifier.Config(8, 7, steps=2, hidden=6, read_size=4, classes=5)
    params = map_leaves(
        lambda leaf: np.full_like(leaf, 1e30), glimpse_classifier.init_params(config, np.random.default_rng(0))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate_classifier(glimpse_classifier, params, config, np.ones((3, 8, 7), np.float32), np.arange(3))
