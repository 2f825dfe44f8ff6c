"""Plant mistakes into the paper's equations: `python tests/campaigns/equations.py [--count N]`.

docs/equations.md names for every equation a test that binds it, and for DRAW's wiring three. Here each of them has to
notice the mistakes below, one at a time, in a copy of the package. "refused" are those that it noticed.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "site"))

from tables import print_table  # noqa: E402

import equation_map  # noqa: E402

ATTENTION, LATENT, LIKELIHOOD, LSTM = (
    f"draw_np/equations/{name}.py" for name in ("attention", "latent", "likelihood", "lstm")
)
DRAW = "draw_np/models/draw.py"
X, Y = "filterbank(filter_means(window.g_X,", "filterbank(filter_means(window.g_Y,"

MISTAKES = (  # (equation, or function of DRAW that wires some; file; what stands there once; the mistake)
    (1, LATENT, "mu = linear(mu_params, h_enc)", "mu = linear(sigma_params, h_enc)"),
    (2, LATENT, "sigma = bounded_exp(linear(sigma_params, h_enc))", "sigma = linear(sigma_params, h_enc)"),
    (2, LATENT, "bounded_exp(linear(sigma_params, h_enc))", "bounded_exp(0.5 * linear(sigma_params, h_enc))"),
    (3, LIKELIHOOD, "return x - sigmoid(c)", "return sigmoid(c) - x"),
    (3, LIKELIHOOD, "return x - sigmoid(c)", "return x - c"),
    (4, DRAW, 'params["read_window"], h_dec', 'params["write_window"], h_dec'),
    (5, LSTM, "cell = f * state.cell", "cell = i * state.cell"),
    (5, LSTM, "o * np.tanh(cell)", "o * cell"),
    (6, LATENT, "return mu + sigma * noise", "return mu + sigma**2 * noise"),
    (7, LSTM, "i, f, o = np.split", "f, i, o = np.split"),
    (8, DRAW, "return c + written", "return written"),
    (9, LIKELIHOOD, "nats = np.logaddexp(0.0, c) - x * c", "nats = np.logaddexp(0.0, c) + x * c"),
    (10, LATENT, "0.5 * np.sum(mu**2 + sigma**2", "0.5 * np.sum(mu**2 + sigma"),
    (11, LATENT, "np.log(sigma**2) - 1.0, axis=1", "np.log(sigma**2), axis=1"),
    (12, DRAW, "np.sum(reconstruction) + np.sum(latent)", "np.sum(reconstruction) - np.sum(latent)"),
    (12, DRAW, "np.sum(latent)) / len(images)", "np.sum(latent))"),
    (13, DRAW, "for z in noise:  # Eq. (13)", "for z in 3 * noise:  # Eq. (13)"),
    (14, LSTM, "state.h @ params", "state.cell @ params"),
    (15, DRAW, "return c + written", "return c - written"),
    (16, LIKELIHOOD, "uniform < sigmoid(c)", "uniform > sigmoid(c)"),
    (17, ATTENTION, "for image in (x, x_hat))\n\n\n@takes(h_dec", "for image in (x_hat, x))\n\n\n@takes(h_dec"),
    (18, ATTENTION, "(len(h_dec), channels, height, width))", "(len(h_dec), channels, width, height)).swapaxes(2, 3)"),
    (19, ATTENTION, "g + (i - N / 2 - 0.5) * delta", "g + (i - N / 2) * delta"),
    (19, ATTENTION, X, Y),
    (20, ATTENTION, Y, X),
    (21, ATTENTION, "log_sigma_squared, log_delta, log_gamma =", "log_delta, log_sigma_squared, log_gamma ="),
    (21, ATTENTION, "gamma=bounded_exp(log_gamma)", "gamma=log_gamma"),
    (22, ATTENTION, "(width + 1) / 2 * (g_X + 1)", "width / 2 * (g_X + 1)"),
    (23, ATTENTION, "(height + 1) / 2 * (g_Y + 1)", "(width + 1) / 2 * (g_Y + 1)"),
    (24, ATTENTION, "(max(width, height) - 1)", "(width - 1)"),
    (24, ATTENTION, "max(N - 1, 1)", "N"),
    (25, ATTENTION, "squares * (-0.5 / sigma_squared", "squares * (-0.5 / sigma_squared**2"),
    (25, ATTENTION, "axis=2, keepdims=True)\n\n\n@takes(window", "axis=1, keepdims=True)\n\n\n@takes(window"),
    (26, ATTENTION, "window.sigma_squared, height)", "window.sigma_squared + 1, height)"),
    (27, ATTENTION, "return gamma * np.reshape(patch", "return np.reshape(patch"),
    (27, ATTENTION, "F_Y[:, None] @ x @ F_X_transposed", "np.swapaxes(F_Y[:, None] @ x @ F_X_transposed, 2, 3)"),
    (28, ATTENTION, "(len(h_dec), channels, N, N))", "(len(h_dec), channels, N, N)).swapaxes(2, 3)"),
    (29, ATTENTION, "w / gamma[:, :, None, None]", "w * gamma[:, :, None, None]"),
    ("infer_steps", DRAW, "x_hat = ops.error_image(x, c)", "x_hat = ops.error_image(x, state.canvas)"),
    ("infer_steps", DRAW, "(*r, decoder.h), encoder)", "(*r, encoder.h), encoder)"),
    ("infer_steps", DRAW, "(*r, decoder.h), encoder)", "(*r, decoder.h), state.encoder)"),
    ("infer_steps", DRAW, "ops.sample(mu, sigma, noise_t)", "ops.sample(mu, sigma, noise[0])"),
    ("infer_steps", DRAW, "config, z, c, decoder, ops)\n        for", "config, mu, c, decoder, ops)\n        for"),
    ("infer_steps", DRAW, 'params["write_window"], h_dec', 'params["read_window"], h_dec'),
    ("infer_steps", DRAW, "x_read, x_hat, decoder.h, ops)", "x_read, x_hat, encoder.h, ops)"),
    ("loss", DRAW, "ops.negative_log_likelihood(x, state[0])", "ops.negative_log_likelihood(x, -state[0])"),
    ("loss", DRAW, "ops.kl(mu, sigma) for", "2 * ops.kl(mu, sigma) for"),
    ("loss", DRAW, "ops.kl(mu, sigma) for", "ops.kl(trace.mu[0], sigma) for"),
    ("generate", DRAW, "c, decoder, window = decode(", "c, _, window = decode("),
    ("generate", DRAW, 'ops.lstm(params["decoder"], z, decoder)', 'ops.lstm(params["decoder"], 2 * z, decoder)'),
    ("generate", DRAW, "window = write(params, config, decoder.h", "window = write(params, config, decoder.cell"),
)  # fmt: skip


def named_tests():
    """The tests that docs/equations.md names, {number of an equation, or name of DRAW's function: test's id}."""
    text = (ROOT / equation_map.PAGE).read_text("utf-8")
    row = r"^\| [\d, -]+ \| \[`(\w+)`\].* \| \[`(\w+)`\]\(\.\./(.+?)\) \|$"
    wiring = {function: f"{path}::{test}" for function, test, path in re.findall(row, text, re.MULTILINE)}
    return {each.number: f"{each.test_file}::{each.test}" for each in equation_map.rows()} | wiring


def copied(folder):
    """The project in a folder, by links: one file may be replaced there by another."""
    shutil.copytree(ROOT / "draw_np", folder / "draw_np", copy_function=os.symlink)
    for name in ("tests", "pyproject.toml"):
        os.symlink(ROOT / name, folder / name)


def fails(test, folder):
    """Whether a test fails in the copy. Raises RuntimeError when it cannot be run."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir", folder]
    run = subprocess.run([*command, "-c", folder / "pyproject.toml", test], cwd=folder, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"{test}: {run.stdout}{run.stderr}")
    return run.returncode == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=len(MISTAKES), metavar="N", help="only so many, chosen at random")
    options = parser.parse_args()
    tests, table = named_tests(), collections.Counter()
    for where, file, right, wrong in random.Random(0).sample(MISTAKES, min(options.count, len(MISTAKES))):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            copied(folder)
            text = (ROOT / file).read_text("utf-8")
            if text.count(right) != 1:
                raise SystemExit(f"{file} does not have once: {right}")
            (folder / file).unlink()
            (folder / file).write_text(text.replace(right, wrong), "utf-8")
            noticed = fails(tests[where], folder)
        if not noticed:
            print(f"{tests[where]} does not notice in {file}: {wrong}", flush=True)
        table["equations" if type(where) is int else "wiring", "refused" if noticed else "wrong"] += 1
    return print_table(table)


if __name__ == "__main__":
    sys.exit(main())
