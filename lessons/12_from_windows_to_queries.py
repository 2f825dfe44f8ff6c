# %% [markdown]
# # 12 From windows to queries
#
# **Where to look, or what to look for?**
#
# ## What you'll do
# Show that DRAW's window is already the attention of today's language models, with keys that know nothing but their
# place. Then let the keys say what is there. Train small networks that look by place, by content and by both, write
# sentences backwards, and let tokens ask each other.
#
# ## What you'll learn
# - a filterbank is $\text{softmax}(Q K^T)$: what a query, a key and a value are;
# - Bahdanau's score and the scalar product, why the product is divided by $\sqrt{d}$, and what several heads are for;
# - what was gained and what was lost on the way from windows to queries.
#
# ## What you'll need
# Reading and writing through windows (lesson 06, and all that it builds on). About an hour and 35 minutes.

# %%
import time
import timeit
from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from draw_np import backend, datasets, equations, kernels, plotting
from draw_np.models import common
from draw_np.training.adam import adam_init, adam_update
from draw_np.training.gradient_check import assert_gradient

plotting.use_style()
rng = np.random.default_rng(12)

# %% [markdown]
# ## 1. A window is a query (15 minutes)
#
# A filter of lesson 05 is a row of weights over the pixels $a = 1, \dots, A$ (Eq. 25). Multiply out its exponent:
#
# $$-\frac{(a - \mu)^2}{2 \sigma^2} = \frac{\mu}{\sigma^2} \, a - \frac{1}{2 \sigma^2} \, a^2 -
# \frac{\mu^2}{2 \sigma^2} .$$
#
# The last term is the same for every pixel, so the softmax cancels it. What is left is the scalar product of two pairs
# of numbers. One pair belongs to the filter. It is the **query**, what the filter looks for. The other belongs to the
# pixel. It is the pixel's **key**, what it says of itself:
#
# $$q = \left( \frac{\mu}{\sigma^2}, \; -\frac{1}{2 \sigma^2} \right), \qquad k_a = (a, \, a^2) .$$
#
# Put the queries of all filters into the rows of $Q$, and the **keys** of all pixels into the rows of $K$. Then the
# whole filterbank is one softmax over the scores $q \cdot k_a$:
#
# $$F_X = \text{softmax}(Q K^T), \qquad
# F_X[i, a] = \frac{\exp(q_i \cdot k_a)}{\sum_{a'} \exp(q_i \cdot k_{a'})}, \qquad
# \text{read} = \text{softmax}(Q K^T) \, V .$$
#
# What is read is a mean of **values**, here the pixels themselves. The formula on the right is the attention of today's
# language models, but for one factor (part 4). What is special about a window is its keys: a pixel's key says where it
# is, and nothing of what is there.
#
# First in loops, then in arrays, and both against `equations.filterbank`. The picture shows why it works, for ten
# pixels. Their keys lie on a parabola. All points with the same score lie on a line, and the line of the best score
# touches the parabola at $\mu$. A key is $(a - \mu)^2$ above it. That height, divided by $2 \sigma^2$, is what the key
# loses.
#
# **Predict first.** $\sigma$ is halved and $\mu$ stays. What happens to the direction of $q$, and to its length?

# %%
def attend_in_loops(Q, K, V):  # Q (queries, d), K (keys, d), V (keys, values)
    read = np.zeros((len(Q), V.shape[1]))
    for i, q in enumerate(Q):
        scores = [sum(q[k] * key[k] for k in range(len(q))) for key in K]
        weights = [np.exp(score - max(scores)) for score in scores]  # lesson 05, part 6
        for weight, value in zip(weights, V):
            read[i] += weight / sum(weights) * value
    return read

def softmax(scores):  # over the last axis
    weights = backend.np.exp(scores - backend.np.max(scores, axis=-1, keepdims=True))
    return weights / backend.np.sum(weights, axis=-1, keepdims=True)

def attend(Q, K, V):  # any axes in front
    return softmax(Q @ backend.np.swapaxes(K, -1, -2)) @ V

# %%
def queries_of(mu, sigma):
    return np.stack([mu / sigma**2, np.full_like(mu, -1 / (2 * sigma**2))], axis=-1)

def keys_of(pixels):
    return np.stack([pixels, pixels**2], axis=-1)

mu, sigma, a = np.array([4.0, 8.0, 12.0, 16.0, 20.0]), 1.5, np.arange(1, 29)  # lesson 05, part 2
F_X = equations.filterbank(mu[None], np.array([[sigma**2]]), 28)[0]  # (5, 28)
Q, K = queries_of(mu, sigma), keys_of(a)
V = datasets.load("mnist", "test").images[4].astype(float).T  # a row for each column a of the image
np.testing.assert_allclose(softmax(Q @ K.T), F_X, atol=1e-12)
np.testing.assert_allclose(softmax(Q @ K.T).sum(axis=1), 1)  # every row
for read in attend_in_loops, attend:
    np.testing.assert_allclose(read(Q, K, V), F_X @ V, atol=1e-12)
print("five filters over 28 pixels: softmax(Q K^T) is equations.filterbank, every row sums to 1")

# %%
a, mu = np.arange(1, 11), 6.4
line = 2 * mu * a - mu**2  # it touches the parabola at mu
figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
axes[0].vlines(a, line, a**2, color=plotting.SKY, linewidth=3, label=r"height $(a - \mu)^2$")
axes[0].plot(a, line, color=plotting.RED, label="the query's line")
axes[0].plot(a, a**2, "o", color=plotting.BLACK, label="keys")
axes[0].set(xlabel="$a$", ylabel="$a^2$", title=f"keys and a query for $\\mu$ = {mu}", xticks=a[::3])
axes[0].legend()
for ax, sigma in zip(axes[1:], [2.0, 1.0]):
    q = queries_of(np.array(mu), sigma)
    ax.bar(a, softmax(keys_of(a) @ q), color=plotting.SKY)
    ax.set(xlabel="pixel $a$", ylim=(0, 0.45), xticks=a[::3], ylabel="weight" if sigma == 2 else None)
    ax.set_title(f"$\\sigma$ = {sigma:.0f}: q = ({q[0]:.2f}, {q[1]:.3f})\nlength {np.hypot(*q):.2f}")
plt.show()

# %% [markdown]
# **Answer.** The direction stays, and the length becomes four times as large, for both numbers have the factor
# $1/\sigma^2$. The direction says where to look, the length says how sharply.
#
# ## 2. By place or by content (20 minutes)
#
# If keys may be anything, they may also say what is there. Eight slots hold the letters A to H in random order. Each
# letter has one of six colours, drawn anew every time. There are two kinds of question: "Which colour is in slot 3?"
# and "Which colour has the D?" A question is a row of 16 numbers, one of them 1. All three readers get it, give a
# weight to every slot, and answer by reading: the weighted mean of the colours is a probability for each colour. The
# loss is $-\log p$ of the right one.
#
# - **window**: a linear map turns the question into $\mu$ and $\log \sigma^2$, and Eq. 25 makes the weights.
# - **content**: a linear map turns the question into a query of $d = 8$ numbers, another turns every *letter* into a
#   key.
# - **content and place**: the same, and each slot adds eight numbers of its own to its key. They are learned, and are
#   the same whatever lies in the slot: a **place code**.
#
# (Scores are divided by $\sqrt{d}$; part 4 says why.) The control is a guesser that looks at everything and names the
# commonest of the eight colours. In the picture a bar has the colour that lies in its slot, and a square marks the slot
# that was asked for.
#
# **Predict first.** Which share of its answers will each reader get right, for each kind of question? Write down six
# numbers.

# %%
SLOTS, COLOURS, d = 8, 6, 8

def ask(count, rng):  # questions, (letters, colours) of the slots, right colours, and where and how was asked
    letter = rng.permuted(np.tile(np.arange(SLOTS), (count, 1)), axis=1)  # (count, SLOTS)
    colour, slot = rng.integers(COLOURS, size=(count, SLOTS)), rng.integers(SLOTS, size=count)
    each, by_letter = np.arange(count), rng.random(count) < 0.5
    asked = np.where(by_letter, SLOTS + letter[each, slot], slot)
    return np.eye(16)[asked], np.eye(SLOTS)[letter], np.eye(COLOURS)[colour], colour[each, slot], (slot, by_letter)

def by_window(params, question, letters):  # the weights, (count, SLOTS)
    emitted = equations.linear(params, question)  # two of Eq. 21's numbers
    mu, sigma_squared = (SLOTS + 1) / 2 * (emitted[:, :1] + 1), backend.np.exp(emitted[:, 1:])  # Eq. 22
    return equations.filterbank(mu, sigma_squared, SLOTS)[:, 0]

# %%
def by_query(params, question, letters):
    q, K = question @ params["queries"], letters @ params["keys"]  # (count, d), (count, SLOTS, d)
    K = K + params["places"] if "places" in params else K
    return softmax((K @ q[:, :, None])[:, :, 0] / np.sqrt(d))

def colour_loss(params, weigh, rng):
    question, letters, colours, right, _ = ask(64, rng)
    p = (weigh(params, question, letters)[:, None] @ colours)[:, 0]  # (count, COLOURS): what is read
    return -backend.np.mean(backend.np.log(p[np.arange(64), right] + 1e-9))  # never log 0

def train(loss, params, rng, updates, rate):
    state = adam_init(params)
    for _ in range(updates):  # each with new examples
        params, state = adam_update(params, backend.value_and_grad(partial(loss, rng=rng), params)[1], state, rate)
    return params

# %%
own = np.random.default_rng(0)
start = {"queries": own.standard_normal((16, d)), "keys": own.standard_normal((SLOTS, d))}
starts = {"window": {"W": 0.1 * own.standard_normal((16, 2)), "b": np.array([0, np.log(4.0)])}, "content": start,
          "content and place": {**start, "places": own.standard_normal((SLOTS, d))}}
weighs = {name: by_window if name == "window" else by_query for name in starts}
readers = {name: train(partial(colour_loss, weigh=weighs[name]), starts[name], own, 300, 0.03) for name in starts}
question, letters, colours, right, (slot, by_letter) = ask(2000, rng)
weights = {name: weighs[name](params, question, letters) for name, params in readers.items()}
weights["control"] = np.full((2000, SLOTS), 1 / SLOTS)
share = {}
for name, given in weights.items():
    np.testing.assert_allclose(given.sum(axis=1), 1)
    correct = (given[:, None] @ colours)[:, 0].argmax(axis=1) == right
    share[name] = correct[~by_letter].mean(), correct[by_letter].mean()
    print(f"{name:18} asked for a slot: {share[name][0]:.2f} right, for a letter: {share[name][1]:.2f}")

# %%
figure, axes = plt.subplots(2, 3, figsize=(13, 6), sharex=True, sharey=True)
PALETTE = np.array([plotting.BLUE, plotting.RED, plotting.GREEN, plotting.ORANGE, plotting.SKY, plotting.PURPLE])
for row, kind in enumerate(("slot", "letter")):
    n = np.flatnonzero(by_letter == (kind == "letter"))[0]
    names = ["ABCDEFGH"[k] for k in letters[n].argmax(axis=1)]
    asked = f"slot {slot[n] + 1}?" if kind == "slot" else f"letter {names[slot[n]]}?"
    for ax, name in zip(axes[row], readers):
        ax.bar(range(1, 9), weights[name][n], color=PALETTE[colours[n].argmax(axis=1)])
        [ax.text(k, 1.05, letter, ha="center") for k, letter in enumerate(names, 1)]
        ax.plot(slot[n] + 1, 1.1, "s", markersize=24, markerfacecolor="none", color=plotting.BLACK)
        ax.set(title=f"{name}: {asked}", ylim=(0, 1.25), xticks=range(1, 9), yticks=[0, 0.5, 1])
    axes[row, 0].set_ylabel("weight")
[ax.set_xlabel("slot") for ax in axes[1]]
assert min(share["content and place"]) > 0.95 and share["window"][0] > 0.95 and share["content"][1] > 0.95
assert max(share["window"][1], share["content"][0]) < share["control"][0] + 0.1

# %% [markdown]
# **Answer.** The cell prints them. The window answers by place and the content reader by letter; where they cannot find
# the slot, they do no better than the control. Only keys that say both answer both. (In the upper row the content
# reader names the commonest colour, and is lucky.)
#
# The window cannot find a letter, because it has to say where to look before it has seen anything. In DRAW it may look
# again: it looks widely, then moves (lesson 08). A query needs one look, but every slot has to have a key. And content
# alone is blind to order: exchange two slots, and it reads the same.
#
# ## 3. The first translator that looked back (15 minutes)
#
# Attention by content is about half a year older than DRAW. Until then a recurrent network that translated read the
# whole sentence into one vector and then wrote the translation out of it. Long sentences did not fit. Bahdanau, Cho and
# Bengio (2014) let it look back at every step $i$: at the encoder's outputs $h_1, \dots, h_J$, one for each word. What
# to look for is in the decoder's state $s_{i-1}$. A small layer gets both and says how well they fit:
#
# $$e_{ij} = v^T \tanh(W [s_{i-1}; h_j]), \qquad \alpha_{ij} = \text{softmax}_j(e_{ij}), \qquad
# c_i = \sum_j \alpha_{ij} \, h_j .$$
#
# ($[s; h]$ is one after the other. The letters are theirs: $s$ is no memory cell here, and $c$ no canvas.) The state is
# the query, and $h_j$ is both key and value. Our language has eight
# letters, a sentence has eight, and the translation is the sentence **backwards**. Encoder and decoder are LSTMs of 32
# cells (lesson 03), and the decoder goes on from the encoder's last state. From $c_i$ and $s_{i-1}$ it makes $s_i$, and
# from $s_i$ and $c_i$ a linear map makes the logits of letter $i$. The loss is again $-\log p$ of the right letter, and
# `equations.cross_entropy` computes it from logits. The control is the same network without attention:
# at every step its $c_i$ is $h_J$, the encoder's last output. Both get 250 updates. Then the control goes on, up to
# 1,000. (Together that takes about 20 seconds.)
#
# The matrix of all $\alpha_{ij}$ is called the **alignment**: a row for each letter that is written, a column for each
# that was read. In the picture white is 0 and dark blue is 1.
#
# **Predict first.** What will the alignment look like? Which letters will the control get right more often, those that
# it writes first or last? And will four times as many updates help it?

# %%
def score_in_loops(params, s, h):  # one sentence: s (hidden,), h (J, hidden)
    scores = np.zeros(len(h))
    for j, h_j in enumerate(h):
        for k, v_k in enumerate(params["v"]):
            scores[j] += v_k * np.tanh(sum(np.concatenate([s, h_j]) * params["W"][:, k]))
    return scores

def score(params, s, h):  # a batch: s (batch, hidden), h (batch, J, hidden)
    W_s, W_h = params["W"][: s.shape[1]], params["W"][s.shape[1] :]
    return backend.np.tanh((s @ W_s)[:, None] + h @ W_h) @ params["v"]  # (batch, J)

params = {"W": rng.standard_normal((10, 4)), "v": rng.standard_normal(4)}
s, h = rng.standard_normal((3, 5)), rng.standard_normal((3, 6, 5))
np.testing.assert_allclose(score(params, s, h), [score_in_loops(params, *one) for one in zip(s, h)])
assert_gradient(lambda p: softmax(score(p["layer"], p["s"], p["h"])), {"layer": params, "s": s, "h": h}, rng)

# %%
def translate(params, x):  # x (J, batch, LETTERS): logits (J, batch, LETTERS), and the alignment, J of (batch, J)
    state, h = equations.LSTMState(*np.zeros((2, x.shape[1], HIDDEN))), []
    for x_j in x:
        state = kernels.lstm(params["encoder"], x_j, state)
        h.append(state.h)
    h, logits, alignment = backend.np.stack(h, axis=1), [], []
    for _ in x:
        weights = softmax(score(params["attention"], state.h, h)) if "attention" in params else LAST
        c = backend.np.sum(weights[:, :, None] * h, axis=1)  # (batch, HIDDEN)
        state = kernels.lstm(params["decoder"], c, state)
        logits.append(equations.linear(params["out"], backend.np.concatenate([state.h, c], axis=1)))
        alignment.append(weights)
    return backend.np.stack(logits), alignment

J, LETTERS, HIDDEN, LAST = 8, 8, 32, np.eye(8)[[-1]]

# %%
def new_translator(rng, attention):
    params = {"out": common.new_linear(rng, 2 * HIDDEN, LETTERS, float)}
    for name, inputs in ("encoder", LETTERS), ("decoder", HIDDEN):
        params[name] = common.new_lstm(rng, inputs, HIDDEN, float)
        params[name]["b"][HIDDEN : 2 * HIDDEN] = np.log(J - 1)  # lesson 03, part 4
    layer = {"W": rng.standard_normal((2 * HIDDEN, 16)) / 8, "v": rng.standard_normal(16) / 2}
    return {**params, "attention": layer} if attention else params
def backwards_loss(params, rng):
    letters = rng.integers(LETTERS, size=(J, 32))
    logits, _ = translate(params, np.eye(LETTERS)[letters])
    return backend.np.mean(equations.cross_entropy(logits.reshape(-1, LETTERS), letters[::-1].ravel()))
own, translators = np.random.default_rng(0), {}
for name in "with attention", "without attention":
    translators[name] = train(backwards_loss, new_translator(own, name == "with attention"), own, 250, 0.02)
translators["without, 1,000 updates"] = train(backwards_loss, translators["without attention"], own, 750, 0.02)

# %%
letters, right, (figure, axes) = rng.integers(LETTERS, size=(J, 500)), {}, plt.subplots(1, 3, figsize=(13.5, 4.2))
for name, line in zip(reversed(translators), ("s:C1", "s-C1", "o-C0")):
    logits, alignment = translate(translators[name], np.eye(LETTERS)[letters])
    said, alpha = logits.argmax(axis=2), np.stack(alignment, axis=1)  # (J, 500); at last (500, J, J)
    right[name] = (said == letters[::-1]).mean(axis=1)  # (J,)
    axes[2].plot(range(1, 9), right[name], line, label=name)
    print(f"{name}: {right[name].mean():.2f} right; each letter in turn {right[name].round(2)}")
places = ["ABCDEFGH"[k] for k in letters[:, 0]], ["ABCDEFGH"[k] for k in said[:, 0]]
for ax, shown, (read, written) in zip(axes, (alpha[0], alpha.mean(axis=0)), (places, (range(1, 9), range(1, 9)))):
    ax.imshow(shown, cmap="Blues", vmin=0, vmax=1)
    ax.set(xlabel="read", ylabel="written", xticks=range(8), yticks=range(8), xticklabels=read, yticklabels=written)
axes[2].set(xlabel="letter written", ylabel="share right", ylim=(0, 1.05), xticks=range(1, 9))
axes[0].set_title("one sentence"), axes[1].set_title("mean of 500 sentences"), axes[2].legend(fontsize=12)
longer, without, attentive = (share.mean() for share in right.values())
assert attentive > max(0.95, longer) and longer > without + 0.1 and np.diag(alpha.mean(axis=0)[::-1]).min() > 0.5

# %% [markdown]
# **Answer.** It is the other diagonal: the first letter written comes from the last one read. Nobody said so, and
# nobody gave the letters a place code. The encoder, a recurrent network, counts on its own, and so $h_j$ says what
# stands there and where. The control knows best what it read last, which is what it writes first; the rest had to fit
# into one vector. More updates help it: the vector has room for most of what it needs. But it learns more slowly, and
# after 1,000 it is not yet where attention was after 250.
#
# ## 4. Why divide by the root of d? (10 minutes)
#
# Bahdanau's layer needs a tanh for every query, every key and every hidden unit. A scalar product $q \cdot k$ is much
# cheaper: all scores are one matrix product. But it has a trap. If the $d$ entries of $q$ and $k$ are independent, with
# mean 0 and variance 1, then each $q_m k_m$ has mean 0 and variance 1, and
#
# $$\text{Var}(q \cdot k) = \text{Var} \sum_{m=1}^{d} q_m k_m = d .$$
#
# So scores are of the size $\sqrt{d}$, and so are their differences. A key that is 8 ahead of all others gets nearly
# everything, and then little can be learned any more, as the derivative of the softmax shows ($[a = b]$ is 1 if they
# are equal, else 0):
#
# $$\frac{dw_a}{ds_b} = w_a \, ([a = b] - w_b) .$$
#
# If one weight is 1 and all others are 0, all of these are 0. Divided by $\sqrt{d}$, the scores keep a variance of one.
# That is **scaled dot-product attention**, $\text{softmax}(Q K^T / \sqrt{d}) \, V$ (Vaswani and others, 2017).
#
# The cell draws random queries and 32 random keys for each. It shows the variance of the scores; the **entropy** of the
# weights, $-\sum_a w_a \log w_a$, the mean surprise in nats, which is $\log 32$ if all are equal and 0 if one has
# everything; and the size of the derivative, the root of the sum of the squares of all $dw_a / ds_b$.
#
# **Predict first.** A model has $d = 64$. How large is a typical score without dividing, and what weight does the best
# of 32 keys get, with dividing and without?

# %%
def slopes_of(w):  # w (queries, keys): all dw_a / ds_b, (queries, keys, keys)
    return w[:, :, None] * (np.eye(w.shape[1]) - w[:, None])

assert_gradient(lambda p: softmax(p["s"]), {"s": rng.standard_normal((2, 5))}, rng)
_, slope = backend.value_and_grad(lambda s: softmax(s)[:, 3], np.array([[0.5, -1.0, 2.0, 0.1]]))
np.testing.assert_allclose(slope, slopes_of(softmax(np.array([[0.5, -1.0, 2.0, 0.1]])))[:, 3])
sizes, found = 2 ** np.arange(0, 11, 2), {"as they are": [], "divided": []}
for size in sizes:
    scores = (rng.standard_normal((200, 32, size)) @ rng.standard_normal((200, size, 1)))[:, :, 0]
    for (name, numbers), s in zip(found.items(), (scores, scores / np.sqrt(size))):
        w = softmax(s)
        best, slope = w.max(axis=1).mean(), np.median(np.sqrt((slopes_of(w) ** 2).sum(axis=(1, 2))))
        numbers.append((s.var(), -(w * np.log(w + 1e-300)).sum(axis=1).mean(), slope))
        if size in (64, 1024):
            print(f"d = {size}, scores {name}: size {s.std():.1f}, best key gets {best:.2f}, derivative {slope:.4f}")

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4))
for (name, numbers), colour, marker in zip(found.items(), (plotting.RED, plotting.BLUE), "so"):
    for ax, values in zip(axes, np.transpose(numbers)):
        ax.plot(sizes, values, marker + "-", color=colour, label=f"scores {name}")
for ax, name in zip(axes, ("variance of the scores", "entropy of the weights (nats)", "size of the derivative")):
    ax.set(xlabel="$d$", ylabel=name, xscale="log", xticks=sizes, xticklabels=sizes)
    ax.minorticks_off()
axes[0].set(yscale="log")
axes[1].axhline(np.log(32), color="0.6", linestyle="--")
axes[1].set(ylim=(0, 3.9))
axes[2].set(yscale="log")
axes[0].legend(), axes[1].text(1, 3.55, "all weights equal")
variance, *_ = np.transpose(found["as they are"])
np.testing.assert_allclose(variance, sizes, rtol=0.3)
assert found["as they are"][-1][2] < found["divided"][-1][2] / 4

# %% [markdown]
# **Answer.** About 8, and the cell prints the two weights. Without dividing, a query of random numbers is already sure
# of one key, before anything has been learned. The derivative holds out longer: it even grows while a few keys compete,
# and only then falls to next to nothing (the right panel; each point is a median). You have seen this: in part 1 the
# length of the query was the sharpness of the window, and in the experiment of lesson 05 a window that began too sharp
# never found its digit. Dividing by $\sqrt{d}$ means: begin wide and blurred.
#
# ## 5. Tokens ask each other (20 minutes)
#
# So far one reader asked and others answered. In **self-attention** all do both. The input is a set of **tokens**, rows
# of numbers $x_1, \dots, x_n$ that stand for one thing each: a word, a slot, a patch. They are the rows of $X$. From
# every token three linear maps make a query, a key and a value,
#
# $$Q = X W_Q, \qquad K = X W_K, \qquad V = X W_V, \qquad
# \text{softmax} \left( \frac{Q K^T}{\sqrt{d}} \right) V \, W_O + b ,$$
#
# and a fourth map turns what was read into what is wanted. Here a token is a child. It has a name, the names of its two
# friends (a first and a second one), and a colour. Friends and colours are drawn anew every time. Each child has to say
# the colours of both friends, and can only ask. There are eight children and four colours, which makes 28 numbers a
# token.
#
# One softmax is one mean, and a mean of two colours does not say whose is which. The remedy is to split the numbers of
# $Q$, $K$ and $V$ into **heads**: the first 8 columns are one head, the next 8 another, each with a softmax of its own
# ($d$ is now 8). The results are put side by side again. One head of 16 columns and two of 8 have equally many
# parameters.
#
# **Predict first.** Which share of the answers will one head get right, and which two heads? (What would you do with
# one head? A guesser is right once in four.)

# %%
n, SHADES = 8, 4

def children(count, rng):  # tokens (count, n, 28), who the friends are (count, n, 2), and their colours (count, n, 2)
    steps = rng.permuted(np.tile(np.arange(1, n), (count, n, 1)), axis=2)[:, :, :2]  # two different ones, none is 0
    friends, colour = (np.arange(n)[:, None] + steps) % n, rng.integers(SHADES, size=(count, n))
    names = np.tile(np.eye(n), (count, 1, 1)), np.eye(n)[friends].reshape(count, n, 2 * n)
    tokens = np.concatenate([*names, np.eye(SHADES)[colour]], axis=2)
    return tokens, friends, colour[np.arange(count)[:, None, None], friends]

ax = plt.figure(figsize=(11, 4)).add_subplot(ylabel="child", xticks=[3.5, 11.5, 19.5, 25.5])
ax.imshow(children(1, rng)[0][0], cmap="Blues")
ax.set(xticklabels=["name", "first friend", "second friend", "colour"], yticks=range(n), yticklabels=[*"ABCDEFGH"])
_ = [ax.axvline(column - 0.5, color=plotting.BLACK) for column in (n, 2 * n, 3 * n)]

# %%
def ask_in_loops(params, x, heads):  # one set of tokens: x (n, inputs)
    Q, K, V = (x @ params[name] for name in "QKV")  # each (n, width)
    read, d = np.zeros_like(V), Q.shape[1] // heads
    for k in range(heads):
        own = slice(k * d, (k + 1) * d)
        read[:, own] = attend_in_loops(Q[:, own] / np.sqrt(d), K[:, own], V[:, own])
    return read @ params["out"]["W"] + params["out"]["b"]

def ask_each_other(params, x, heads):  # a batch: x (batch, n, inputs); also returns the weights
    def split(a):  # (batch, n, width) to (batch, heads, n, d)
        return backend.np.swapaxes(a.reshape(*x.shape[:2], heads, -1), 1, 2)
    Q, K, V = (split(x @ params[name]) for name in "QKV")
    weights = softmax(Q @ backend.np.swapaxes(K, 2, 3) / np.sqrt(Q.shape[3]))  # (batch, heads, n, n)
    read = backend.np.swapaxes(weights @ V, 1, 2).reshape(*x.shape[:2], -1)  # side by side again
    return read @ params["out"]["W"] + params["out"]["b"], weights

# %%
def new_heads(rng, inputs, width, outputs):
    params = {name: rng.standard_normal((inputs, width)) / 2 for name in "QKV"}
    return {**params, "out": {"W": rng.standard_normal((width, outputs)) / 4, "b": np.zeros(outputs)}}

def friends_loss(params, rng, heads):
    x, _, colours = children(32, rng)
    logits, _ = ask_each_other(params, x, heads)
    return backend.np.mean(equations.cross_entropy(logits.reshape(-1, SHADES), colours.ravel()))

x, params = children(3, rng)[0], new_heads(rng, 28, 6, 5)
for heads in 1, 2, 3:
    loops = [ask_in_loops(params, one, heads) for one in x]
    np.testing.assert_allclose(loops, ask_each_other(params, x, heads)[0], atol=1e-12)
    inputs = {"params": params, "x": x}
    assert_gradient(lambda a, heads=heads: ask_each_other(**a, heads=heads)[0], inputs, rng)

# %%
runs, (x, friends, colours) = {}, children(500, rng)
for seed in range(3):
    for heads in 1, 2:
        own = np.random.default_rng(seed)
        params = train(partial(friends_loss, heads=heads), new_heads(own, 28, 16, 2 * SHADES), own, 200, 0.02)
        logits, weights = ask_each_other(params, x, heads)
        np.testing.assert_allclose(weights.sum(axis=3), 1)
        right = (logits.reshape(500, n, 2, SHADES).argmax(axis=3) == colours).mean(axis=(0, 1))
        runs[heads, seed] = params, weights, right.mean()
        size = sum(params[name].size for name in "QKV") + sum(leaf.size for leaf in params["out"].values())
        print(f"heads: {heads}, seed {seed}, {size} parameters: {right.mean():.2f} right",
              f"(first friend {right[0]:.2f}, second {right[1]:.2f})")
assert min(runs[2, seed][2] for seed in range(3)) > 0.2 + max(runs[1, seed][2] for seed in range(3))

# %%
figure, axes = plt.subplots(2, 3, figsize=(11, 7.6), sharex=True, sharey=True)
true = np.eye(n)[friends[0].T]  # (2, n, n)
one, two = runs[1, 0][1][0], runs[2, 0][1][0]  # the weights, (heads, n, n)
two = two if (two[0] * true[0]).sum() > (two[0] * true[1]).sum() else two[::-1]  # each below its friend
above = {"first friend": true[0], "second friend": true[1], "either friend": true.mean(axis=0)}
below = {"one of two heads": two[0], "the other one": two[1], "a single head": one[0]}
for row, matrices in zip(axes, (above, below)):
    for ax, (name, matrix) in zip(row, matrices.items()):
        ax.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        ax.set(title=name, xticks=range(n), yticks=range(n), xticklabels=[*"ABCDEFGH"], yticklabels=[*"ABCDEFGH"])
    row[0].set_ylabel("asks")
_ = [ax.set_xlabel("is asked") for ax in axes[1]]

# %% [markdown]
# **Answer.** Two heads get all of them right, and each has found one friend; which one takes which is chance. One head
# gets $(1 + \frac14) / 2 = 0.625$, or a little more. Look at its matrix: it asks both friends, but one of them a little
# louder, and it names the colour that comes through louder. The colour of the other it has to guess.
#
# Be careful: this holds for a linear map after the heads. A layer with a bend could work out from such a mean who has
# which, as one friend is louder. Heads make it easy; without them it is hard, not impossible.
#
# ## 6. What was gained, what was lost (15 minutes)
#
# **Gained: nothing has to wait.** An LSTM needs $h_{t-1}$ before it can compute $h_t$. In self-attention all tokens are
# computed at once, in a few matrix products (lesson 11), and from any token to any other it is one step, for the
# gradient too (lesson 03).
#
# **Lost: long inputs at a low price.** Every token asks every other: $n^2$ scores a head. With $d$ numbers a token, an
# LSTM of $d$ cells multiplies $8 n d^2$ times; the four maps of self-attention take $4 n d^2$, scores and reading
# $2 n^2 d$.
#
# **Lost: order.** Permute the tokens, and the outputs are permuted, nothing else. The second cell asserts it. To give
# the order back, add a place code (part 2).
#
# **Lost: neighbourhood.** A window sees pixels that lie side by side, in their order. Attention by content has to learn
# from data that neighbours belong together.
#
# Images are cut into **patches as tokens** (Dosovitskiy and others, 2020): with pixels as tokens $n^2$ would be too
# large. The second cell cuts a seven with a bar through its middle into 49 patches of 4 × 4 pixels. Nothing is learned:
# the key of a patch is the patch itself without its mean, made to have length 1, so that edges count and not brightness
# (an empty patch has the key 0). Its query is six times its key. The lower row of the last picture does the same with
# the patches shuffled.
#
# **Predict first.** From how many tokens on does self-attention multiply more than an LSTM, with $d = 64$? And a patch
# with the lower edge of the upper bar in it asks: which patches will get weight, and what will shuffling change?

# %%
d, lengths = 64, 2 ** np.arange(4, 11, 2)
cell, own = common.new_lstm(rng, d, d, float), new_heads(rng, d, d, d)
def lstm_over(x):  # one token after the other
    state = equations.LSTMState(*np.zeros((2, 1, d)))
    for x_t in x[0]:
        state = equations.lstm(cell, x_t[None], state)
figure, axes = plt.subplots(1, 2, figsize=(12, 4.4))
for name, way, line in ("LSTM", lstm_over, "s-C1"), ("self-attention", partial(ask_each_other, own, heads=4), "o-C0"):
    calls = [partial(way, x=rng.standard_normal((1, length, d))) for length in lengths]
    ms = [1e3 * min(timeit.repeat(call, timer=time.process_time, number=1, repeat=3)) for call in calls]
    millions = (8 * lengths * d**2 if name == "LSTM" else 4 * lengths * d**2 + 2 * lengths**2 * d) / 1e6
    for ax, values, what in zip(axes, (millions, ms), ("million multiplications", "ms (measured)")):
        ax.loglog(lengths, values, line, label=name)
        ax.set(xlabel="tokens", ylabel=what, xticks=lengths, xticklabels=lengths)
_ = axes[0].legend()

# %%
digit = datasets.load("mnist", "test").images[64].astype(float)
patches = digit.reshape(7, 4, 7, 4).swapaxes(1, 2).reshape(49, 16)  # tokens, row by row
params, order = new_heads(rng, 16, 16, 16), rng.permutation(49)
plain, shuffled = (ask_each_other(params, x[None], 2)[0][0] for x in (patches, patches[order]))
np.testing.assert_allclose(shuffled, plain[order], atol=1e-12)  # permuted tokens permute the outputs
code = rng.standard_normal((49, 16))  # of the places: it stays where it is
plain, shuffled = (ask_each_other(params, (x + code)[None], 2)[0][0] for x in (patches, patches[order]))
assert not np.allclose(shuffled, plain[order], atol=0.1)
print(f"784 pixels as tokens: {784**2:,} scores a head; 49 patches: {49**2:,}; DRAW's window: {2 * 5 * 28} weights")

# %%
figure, axes = plt.subplots(2, 2, figsize=(8.5, 8.8))
for (left, right), name, seen in zip(axes, ("in order", "shuffled"), (np.arange(49), order)):
    def as_image(tokens):  # (49, 16) to (28, 28)
        return tokens.reshape(7, 7, 4, 4).swapaxes(1, 2).reshape(28, 28)
    x, asks = patches[seen], np.flatnonzero(seen == 16)[0]  # the tokens, and which one asks
    K = x - x.mean(axis=1, keepdims=True)  # edges count, not brightness
    K = K / np.maximum(np.linalg.norm(K, axis=1, keepdims=True), 0.5)  # length 1, or shorter where there is no edge
    weights = softmax(6 * K[asks] @ K.T)  # (49,)
    given = as_image(np.repeat(weights[:, None], 16, axis=1))[:, :, None] / weights.max()
    plotting.show_image(left, as_image(x), f"the patches, {name}")
    colours = (1 - 0.6 * given) * as_image(x)[:, :, None] + 0.6 * given * to_rgb(plotting.ORANGE)
    plotting.show_image(right, colours, "the weights of the marked one")
    corner = 4 * (asks % 7) - 0.5, 4 * (asks // 7) - 0.5
    right.add_patch(plt.Rectangle(corner, 4, 4, fill=False, color=plotting.SKY, linewidth=4))

# %% [markdown]
# **Answer.** Counted, self-attention costs more from $n = 2 d = 128$ tokens on. Measured, on the machine that ran it,
# it costs less for much longer: a few large products are faster than many small ones that wait for each other.
#
# And the patch? Weight goes to those with an edge like its own, of the other bar too: no rectangle could cover them and
# nothing else. Shuffling moves the weights along with the patches and changes none of them. For attention by content
# the two pictures are the same set. For us they are not, so a model for images adds a place code to its patches.
#
# And DRAW's window? Its keys know nothing of content, and it sees one place at a time. But five numbers make it, in an
# image of any size, and you can draw it and see what the network is doing. A few looks at a large image are cheap.
#
# **Take away.** A window is attention with keys $(a, a^2)$: it asks by place, and the length of its query is its
# sharpness. With learned keys the same formula, $\text{softmax}(Q K^T / \sqrt{d}) \, V$, asks by content; each head is
# one mean, so two answers come easiest from two heads. A window has order and neighbourhood for nothing;
# self-attention gets them from a place code and from data, and pays $n^2$ scores so that nothing has to wait.
#
# ## On your own
#
# [`exercises/12_from_windows_to_queries.ipynb`](exercises/12_from_windows_to_queries.ipynb) has a place for each answer
# and a cell that checks it.
#
# 1. **Some may not be asked** (easy, 10 minutes). A softmax with a mask, for scores of any size. *Expect weights that
#    are exactly 0, and to think about a row in which nobody may be asked.*
# 2. **A window in two dimensions** (harder, 20 minutes). A whole window as one softmax with keys $(a, a^2, b, b^2)$.
#    *Expect the result of `equations.read`: Gaussians multiply, exponents add.*
# 3. **Attention, backwards** (hard, 30 minutes). The derivatives of attention with respect to $Q$, $K$ and $V$, by
#    hand. *Expect two products for each product, and each row's weighted mean to be taken off, as in exercise 8.4.*
# 4. **A friend's friend** (hard, 30 minutes). Two attentions in a row with weights set by hand. *Expect matrices that
#    only pick out, and long queries.*
#
# ## Further reading
#
# - Bahdanau, Cho and Bengio, [Neural Machine Translation by Jointly Learning to Align and
#   Translate](https://arxiv.org/abs/1409.0473), 2014: part 3, with words.
# - Graves, Wayne and Danihelka, [Neural Turing Machines](https://arxiv.org/abs/1410.5401), 2014, section 3.3: by
#   content and by place in one model, by two of DRAW's authors.
# - Vaswani and others, [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017: parts 4 and 5, in layers,
#   with a place code made of sines.
# - Dosovitskiy and others, [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), 2020: patches as tokens.
