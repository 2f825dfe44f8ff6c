"""Wrong answers to the exercises of lessons 05 to 11 that look right: each must fail its check.

Each is the right answer with one piece of its text replaced.
"""

import pytest

from lessons import build
from tests.lessons.test_exercises import run, run_setup, undrawn  # noqa: F401

WRONG = {
    "5.1": [
        ("counted from 0", "np.arange(1, N + 1)", "np.arange(N)"),
        ("counted from 0, N of them to N", "np.arange(1, N + 1)", "np.arange(N + 1)"),
        ("the offset of a count from 0", "N / 2 - 0.5", "(N - 1) / 2"),
        ("the offset without its half", "N / 2 - 0.5", "N / 2"),
        ("a whole division", "N / 2 - 0.5", "N // 2 - 0.5"),
        ("the stride's size only", "* delta", "* abs(delta)"),
        ("linspace over the window", "i - N / 2 - 0.5", "np.linspace(-N / 2, N / 2, N)"),
        ("the strides without the place", "g_X + (", "("),
        ("mirrored", "g_X + (", "g_X - ("),
    ],
    "5.2": [
        ("the width for the longer side", "max(A, B) - 1", "A - 1"),
        ("the height for the longer side", "max(A, B) - 1", "B - 1"),
        ("the shorter side", "max(A, B)", "min(A, B)"),
        ("pixels in place of the gaps between them", "max(A, B) - 1", "max(A, B)"),
        ("filters in place of the gaps between them", "/ (N - 1)", "/ N"),
        ("g_X in parts of A", "g_X / (A + 1)", "g_X / A"),
        ("g_X in parts of A - 1", "g_X / (A + 1)", "g_X / (A - 1)"),
        ("width and height swapped", "g_Y / (B + 1)", "g_Y / (A + 1)"),
        ("the logarithm of sigma, not of its square", "2 * np.log(sigma)", "np.log(sigma)"),
        ("the stride itself, not its logarithm", "np.log(delta / largest_stride)", "delta / largest_stride"),
        ("the stride in pixels", "np.log(delta / largest_stride)", "np.log(delta)"),
        ("gamma itself", "np.log(gamma)", "gamma"),
        ("the order of a Window", "2 * np.log(sigma),", "np.log(delta / largest_stride),"),
        ("a count from 0", "2 * g_X / (A + 1)", "2 * (g_X + 1) / (A + 1)"),
    ],
    "5.3": [
        ("G transposed", "F_Y.T @ G @ F_X", "F_Y.T @ G.T @ F_X"),
        ("the filters swapped", "F_Y.T @ G @ F_X", "F_X.T @ G @ F_Y"),
        ("turned", "F_Y.T @ G @ F_X", "F_X.T @ G.T @ F_Y"),
        ("the sign of a descent", "F_Y.T @ G", "-F_Y.T @ G"),
        ("G's sum", "F_Y.T @ G @ F_X", "G.sum() * np.outer(F_Y.sum(axis=0), F_X.sum(axis=0))"),
        ("the diagonal only", "@ G @", "@ np.diag(np.diag(G)) @"),
        ("a mean over the patch", "F_Y.T @ G @ F_X", "F_Y.T @ G @ F_X / G.size"),
        ("the inverse in place of the transpose", "F_Y.T @ G @ F_X", "np.linalg.pinv(F_Y) @ G @ np.linalg.pinv(F_X).T"),
    ],
    "5.4": [
        ("without what Z does", "F * (x - F @ x)", "F * x"),
        ("with respect to sigma", "(2 * s**2)", "s**1.5"),
        ("the factor 2", "(2 * s**2)", "s**2"),
        ("s for its square", "(2 * s**2)", "(2 * s)"),
        ("the distance, not squared", "(a - mu) ** 2) / (2 * s**2)", "abs(a - mu)) / (2 * s**2)"),
        ("the wrong sign", "np.sum(pull * (a - mu) ** 2)", "-np.sum(pull * (a - mu) ** 2)"),
        ("pixels counted from 0", "np.arange(1, len(x) + 1)", "np.arange(len(x))"),
        ("filter not normalised", "F = F / F.sum()", "F = F / np.sqrt(2 * np.pi * s)"),
        ("s squared once more", "/ (2 * s))", "/ (2 * s**2))"),
        ("the mean of the row in place of r", "x - F @ x", "x - x.mean()"),
        ("the slope of mu without s", '"mu": np.sum(pull * (a - mu)) / s', '"mu": np.sum(pull * (a - mu))'),
    ],
    "6.1": [
        ("gamma multiplies", "/ gamma[:, 0]", "* gamma[:, 0]"),
        ("without gamma", " / gamma[:, 0]", ""),
        ("a mean, not a sum", "w.sum(", "w.mean("),
        ("without the sign", "w.sum(", "abs(w).sum("),
        ("of the whole batch", "w.sum(axis=(1, 2))", "w.sum()"),
        ("gamma squared", "/ gamma[:, 0]", "/ gamma[:, 0] ** 2"),
        ("one gamma for all", "gamma[:, 0]", "gamma[0, 0]"),
        ("the mean gamma", "gamma[:, 0]", "gamma.mean()"),
        ("each with each", "/ gamma[:, 0]", "/ gamma"),
        ("the diagonal", "w.sum(axis=(1, 2))", "np.trace(w, axis1=1, axis2=2)"),
        ("one row", "w.sum(axis=(1, 2))", "w[:, 0].sum(axis=1)"),
    ],
    "6.2": [
        ("channels last", "->ncji", "->njic"),
        ("columns first", "->ncji", "->ncij"),
        (
            "channel by channel, x beside x_hat",
            "axis=1)",
            "axis=1).reshape(len(x), 2, 3, -1).swapaxes(1, 2).reshape(len(x), -1)",
        ),
        ("without gamma", "gamma * ", ""),
        ("divided by gamma", "gamma * np", "1 / gamma * np"),
        ("x_hat first", "(x, x_hat)", "(x_hat, x)"),
        ("x twice", "(x, x_hat)", "(x, x)"),
        ("one gamma for all", "gamma * np", "gamma[0] * np"),
        ("the first image's filters for all", "F_Y, image, F_X", "F_Y[:1].repeat(len(x), 0), image, F_X"),
        (
            "gamma for x only",
            "gamma * np.concatenate([patch.reshape(len(x), -1) for patch in patches], axis=1)",
            "np.concatenate([gamma * patches[0].reshape(len(x), -1), patches[1].reshape(len(x), -1)], axis=1)",
        ),
        ("blue, green, red", "F_Y, image, F_X", "F_Y, image[..., ::-1], F_X"),
    ],
    "6.3": [
        ("dw without gamma", "F_X.T / gamma", "F_X.T"),
        ("dw transposed", "dw = F_Y @ G @ F_X.T / gamma", "dw = (F_Y @ G @ F_X.T).T / gamma"),
        ("dF_X with w transposed", "(F_Y.T @ w).T @ G", "w @ F_Y @ G"),
        ("dF_Y with w transposed", "w @ F_X @ G.T", "w.T @ F_X @ G.T"),
        ("dgamma's sign", "-np.sum(dw * w)", "np.sum(dw * w)"),
        ("dgamma, gamma squared once too often", "-np.sum(dw * w) / gamma", "-np.sum(dw * w) / gamma**2"),
        ("dgamma, gamma once", "-np.sum(dw * w) / gamma", "-np.sum(dw * w)"),
        ("dgamma without the minus, log gamma", "-np.sum(dw * w) / gamma", "np.sum(dw * w) / gamma**3"),
        ("dF_Y without gamma", "G.T / gamma", "G.T"),
        ("dF_X without gamma", "@ G / gamma", "@ G"),
        ("the order of the answers", "return dw, dF_X, dF_Y", "return dw, dF_Y, dF_X"),
    ],
    "7.1": [
        ("times log 2", "/ np.log(2)", "* np.log(2)"),
        ("nats", " / np.log(2)", ""),
        ("bits in decimal digits", "np.log(2)", "np.log(10)"),
        ("three channels as one pixel", " * channels)", ")"),
        ("a square image", "height * width", "height**2"),
        ("28 x 28 always", "height * width * channels", "784 * channels"),
        ("the channels on top", "/ (height * width * channels)", "/ (height * width) * channels"),
        (
            "rounded",
            "return nats / np.log(2) / (height * width * channels)",
            "return round(nats / np.log(2) / (height * width * channels), 3)",
        ),
        ("of the whole image", " / (height * width * channels)", ""),
        ("one pixel less", "height * width * channels", "height * width * channels - 1"),
    ],
    "7.2": [
        ("log sigma in place of its square", "sigma - 1 / sigma", "sigma - 1 / (2 * sigma)"),
        ("the square's derivative not halved", "return mu,", "return 2 * mu,"),
        ("without the logarithm", "sigma - 1 / sigma", "sigma"),
        ("with respect to sigma squared", "sigma - 1 / sigma", "(1 - 1 / sigma**2) / 2"),
        ("with respect to log sigma", "sigma - 1 / sigma", "sigma**2 - 1"),
        ("swapped", "mu, sigma - 1 / sigma", "sigma - 1 / sigma, mu"),
        ("downhill", "mu, sigma - 1 / sigma", "-mu, 1 / sigma - sigma"),
        ("sums", "mu, sigma - 1 / sigma", "mu.sum(), (sigma - 1 / sigma).sum()"),
        ("the size of mu", "return mu,", "return abs(mu),"),
        ("1 less than sigma", "sigma - 1 / sigma", "sigma - 1"),
    ],
    "7.3": [
        ("the largest of all images", "log_w.max(axis=0)", "log_w.max()"),
        ("the mean taken out", "log_w.max(axis=0)", "log_w.mean(axis=0)"),
        ("the smallest taken out", "log_w.max(axis=0)", "log_w.min(axis=0)"),
        ("the median taken out", "log_w.max(axis=0)", "np.median(log_w, axis=0)"),
        ("the first taken out", "log_w.max(axis=0)", "log_w[0]"),
        ("nothing taken out", "log_w.max(axis=0)", "0.0"),
        ("not put back", "-(top + np.log(w.mean(axis=0)))", "-np.log(w.mean(axis=0))"),
        ("a sum in place of a mean", "np.log(w.mean(axis=0))", "np.log(w.sum(axis=0))"),
        ("the mean of the logarithms", "np.log(w.mean(axis=0))", "np.log(w).mean(axis=0)"),
        ("the sign", "-(top", "(top"),
        ("not squared", "w.sum(axis=0) ** 2 /", "w.sum(axis=0) /"),
        ("over all images", "(w**2).sum(axis=0)", "(w**2).sum()"),
        ("samples and images swapped", "log_w.max(axis=0)", "log_w.max(axis=1, keepdims=True)"),
    ],
}
EXERCISES = {
    exercise.number: (source, exercise) for source in build.solutions() for exercise in build.read_exercises(source)
}
CASES = [
    pytest.param(number, old, new, id=f"{number} {what}")
    for number, answers in WRONG.items()
    for what, old, new in answers
]


@pytest.fixture(scope="module")
def setup():
    """A function that returns what the cells before a lesson's first exercise define, made once for each lesson."""
    made = {}
    return lambda source: dict(made[source] if source in made else made.setdefault(source, run_setup(source)))


@pytest.mark.lessons
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("number, old, new", CASES)
def test_a_wrong_answer_is_refused(number, old, new, setup):
    source, exercise = EXERCISES[number]
    assert exercise.answer.count(old) >= 1, "the right answer has changed: change the wrong one too"
    names = setup(source)
    run(exercise.answer.replace(old, new), names)
    with pytest.raises(AssertionError) as refused:
        run(exercise.check, names)
    assert str(refused.value)
