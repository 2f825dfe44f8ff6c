# %% [markdown]
# # 03 Remember
#
# **How does a network keep something in mind?**
#
# ## What you'll do
# Build a network that reads a sequence, and see why it hardly learns to remember. Add gates, one by one, until it
# is an LSTM. Let both compete at a memory task. Then look into the memory of the winner, and into DRAW's.
#
# ## What you'll learn
# - why gradients vanish on their way back through time, and how fast;
# - what each gate of an LSTM is for, and its formula line by line;
# - how a single number, the initial bias of the forget gates, decides what can be learned.
#
# ## What you'll need
# Lesson 01: backpropagation, layers, Adam. About an hour and a quarter.

# %%
from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from tqdm.notebook import tqdm

from draw_np import backend, diagrams, equations, kernels, load_pretrained, plotting
from draw_np.equations import LSTMState
from draw_np.models import common, draw
from draw_np.training.adam import adam_init, adam_update, clip_by_global_norm
from draw_np.training.trees import global_norm, named_leaves

plotting.use_style()
rng = np.random.default_rng(3)

# %% [markdown]
# ## 1. Something to remember (5 minutes)
#
# At each of $T = 30$ steps the network is shown one of four symbols. One of them, in the first half, comes with a
# mark. After the last step the network must say which symbol was marked. The others are there to distract it.
#
# It answers with a probability for each symbol, and pays the surprise of the right one, $-\log p$ nats (lesson 01).
# A guesser is right once in four times and pays $\log 4 = 1.386$ nats. To do better, a network must let
# one symbol in, keep the others out, and hold on for 15 to 29 steps more.
#
# **Predict first.** Here are two sequences, symbols from top to bottom, the mark in the last row. Read them from left
# to right, one column at a time, and answer at the end. What did *you* keep in mind, and when did you change it?

# %%
T, SYMBOLS = 30, 4
def remember(batch, rng):
    symbol, marked = rng.integers(SYMBOLS, size=(T, batch)), rng.integers(T // 2, size=batch)
    x = np.zeros((T, batch, SYMBOLS + 1))
    x[np.arange(T)[:, None], np.arange(batch), symbol] = 1
    x[marked, np.arange(batch), SYMBOLS] = 1
    return x, symbol[marked, np.arange(batch)]  # (T, batch, 5), and the answers (batch,)

figure, axes = plt.subplots(1, 2, figsize=(16, 3), sharey=True)
x, answer = remember(2, rng)
for ax, one, right in zip(axes, np.swapaxes(x, 0, 1), answer):
    ax.imshow(one.T, cmap="Blues")
    ax.set(xlabel="step t", yticks=range(5), yticklabels=[*"ABCD", "mark"], xlim=(-0.5, 33))
    ax.text(30, 2, f"answer:\n{'ABCD'[right]}", va="center")  # where the sequence has been read
plt.show()

# %% [markdown]
# **Answer.** Nothing until the mark, then one symbol, and it never changed again. That is what the network has to
# learn: when to write, and when to leave alone.
#
# ## 2. Without gates (15 minutes)
#
# The simplest network with a memory hands its output $h$ on from step to step. At each step it mixes it with the input:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b) .$$
#
# It is **recurrent**: the same layer at every step, with the same weights. What is inside the brackets, before the
# tanh, is the **pre-activation**.
#
# To learn, the loss at the end must tell the early steps what they should have kept. It does so by the chain rule, one
# step at a time:
#
# $$\frac{d\mathcal{L}}{dh_{t-1}} = U^T \left[ \frac{d\mathcal{L}}{dh_t} \, (1 - h_t^2) \right] .$$
#
# One factor $U$ for each step, and one factor $1 - h^2$ that is never above 1. Thirty steps back there are thirty of
# each. If together they shrink a vector, little is left: the gradient **vanishes**. If $U$ stretches it more than
# $1 - h^2$ shrinks it, the gradient **explodes**. An orthogonal $U$ neither shrinks nor stretches: that is a good
# start for this network. (In code the vectors are rows, a batch of them, and multiply from the left.)
#
# **Predict first.** The picture shows how long the gradient is, step by step backwards, for three networks: with usual
# small random weights $U$, with an orthogonal $U$, and with twice that. How much is left after 29 steps: a half, a
# thousandth, a billionth?

# %%
def rnn_in_loops(params, x, h):  # one sequence: x (inputs,), h (hidden,)
    new = np.zeros(len(h))
    for k in range(len(h)):
        a = params["b"][k]
        for j in range(len(x)):
            a += x[j] * params["W"][j, k]
        for j in range(len(h)):
            a += h[j] * params["U"][j, k]
        new[k] = np.tanh(a)
    return new

def rnn(params, x, state):  # a batch: x (batch, inputs), the state's h (batch, hidden)
    h = backend.np.tanh(x @ params["W"] + state.h @ params["U"] + params["b"])
    return LSTMState(h, h)  # its output is its memory

# %%
def new_rnn(rng, hidden, orthogonal):
    params = common.new_lstm(rng, SYMBOLS + 1, hidden, float)
    params = {name: np.split(array, 4, axis=-1)[0] for name, array in params.items()}  # a quarter: no gates
    return {**params, "U": np.linalg.qr(rng.standard_normal((hidden, hidden)))[0]} if orthogonal else params

params, (x, _) = new_rnn(rng, 32, orthogonal=True), remember(64, rng)
h = rng.standard_normal((64, 32))
mine = [rnn_in_loops(params, *one) for one in zip(x[0], h)]
np.testing.assert_allclose(mine, rnn(params, x[0], LSTMState(h, h)).h)

# %%
def slopes(step, params, x, hidden, weights):  # dL/d(memory after each step); L = sum of weights * last memory
    def L(nudges):  # (T, batch, hidden), all zero: one small push at the memory of every step
        state = LSTMState(np.zeros((x.shape[1], hidden)), np.zeros((x.shape[1], hidden)))
        for t in range(len(x)):
            state = step(params, x[t], state)
            cell = state.cell + nudges[t]
            state = LSTMState(cell if step is rnn else state.h, cell)
        return backend.np.sum(weights * state.cell)
    return backend.value_and_grad(L, np.zeros((len(x), x.shape[1], hidden)))[1]  # (T, batch, hidden)

def length(vectors):  # over the hidden units, averaged over the batch: (T,)
    return np.sqrt((vectors**2).sum(axis=2)).mean(axis=1)

# %%
weights, back = rng.standard_normal((64, 32)), np.arange(T)[::-1]
plt.figure(figsize=(11, 5)).add_subplot(xlabel="steps back", ylabel=r"length of $d\mathcal{L} / dh_t$")
for name, orthogonal, scale in ("usual U", False, 1), ("orthogonal U", True, 1), ("twice orthogonal U", True, 2):
    params = new_rnn(rng, 32, orthogonal)
    params["U"] = scale * params["U"]
    found, h, by_hand = slopes(rnn, params, x, 32, weights), [np.zeros((64, 32))], [weights]
    for t in range(T):
        h.append(rnn(params, x[t], LSTMState(h[-1], None)).h)
    for t in reversed(range(1, T)):
        by_hand.append((by_hand[-1] * (1 - h[t + 1] ** 2)) @ params["U"].T)
    np.testing.assert_allclose(by_hand[::-1], found, atol=1e-9 * abs(found).max())
    plt.semilogy(back, length(found), label=name)
    print(f"{name}: after 29 steps back {length(found)[0] / length(found)[-1]:.1e} of the gradient is left")
plt.legend()
plt.show()

# %% [markdown]
# **Answer.** With the usual $U$ less than a millionth: no early step can learn. With the orthogonal one about a sixth.
# With twice that the gradient grows, more than a hundredfold. But keeping everything is not remembering: the same $U$
# that holds the marked symbol holds 29 others too, added up.
#
# ## 3. The LSTM, gate by gate (15 minutes)
#
# The **LSTM** (long short-term memory) has a second vector, the **memory cell** $s$, and three **gates**: numbers
# between 0 and 1, one of each kind for each cell, computed anew at every step. Each has rows of its own in $W$, $U$ and
# $b$, so each has a pre-activation $a = W x_t + U h_{t-1} + b$ of its own:
#
# $$i_t = \sigma(a_i), \quad f_t = \sigma(a_f), \quad o_t = \sigma(a_o), \quad g_t = \tanh(a_g),$$
#
# $$s_t = f_t \, s_{t-1} + i_t \, g_t, \qquad h_t = o_t \tanh(s_t) .$$
#
# - $g$ is the **candidate**: what could be written.
# - $i$, the **input gate**: whether to write it.
# - $f$, the **forget gate**: how much of the old to keep. 1 keeps all, 0 clears the cell.
# - $o$, the **output gate**: whether to show the cell to the outside.
#
# The diagram shows how the numbers flow in one step. (The paper names this network and leaves the formulas to
# Hochreiter and Schmidhuber, and Gers.)

# %%
diagrams.lstm()

# %% [markdown]
# Next come the formulas in code, and a test against the library. Then a cell sets the weights of an LSTM with one
# memory cell **by hand**. It must keep the value that came with the last mark. A mark opens the input gate and closes
# the forget gate. The LSTM of 1997 had no forget gate, which is the same as $f = 1$.
#
# **Predict first.** The three marked values are 0.8, -0.7 and 0.4. What does the cell hold after each, with a forget
# gate and without one?

# %%
def lstm_in_loops(params, x, h, s):  # one sequence: x (inputs,), h and s (hidden,)
    new_h, new_s, H = np.zeros(len(h)), np.zeros(len(s)), len(h)
    def a(column):
        return params["b"][column] + x @ params["W"][:, column] + h @ params["U"][:, column]
    for k in range(H):
        i, f, o = (1 / (1 + np.exp(-a(gate * H + k))) for gate in range(3))
        new_s[k] = f * s[k] + i * np.tanh(a(3 * H + k))
        new_h[k] = o * np.tanh(new_s[k])
    return new_h, new_s

def lstm(params, x, state):  # a batch: x (batch, inputs), h and cell (batch, hidden)
    a = x @ params["W"] + state.h @ params["U"] + params["b"]  # (batch, 4 hidden)
    i, f, o, g = np.split(a, 4, axis=1)
    s = equations.sigmoid(f) * state.cell + equations.sigmoid(i) * np.tanh(g)
    return LSTMState(equations.sigmoid(o) * np.tanh(s), s)

# %%
params = common.new_lstm(rng, 5, 32, float)
state = LSTMState(*rng.standard_normal((2, 64, 32)))
mine = np.swapaxes([lstm_in_loops(params, *one) for one in zip(x[0], *state)], 0, 1)  # h and s
np.testing.assert_allclose(mine, equations.lstm(params, x[0], state), atol=1e-12)
np.testing.assert_allclose(lstm(params, x[0], state), equations.lstm(params, x[0], state), atol=1e-12)
np.testing.assert_allclose(lstm(params, x[0], state), kernels.lstm(params, x[0], state), atol=1e-12)

# %%
value, mark = rng.uniform(-1, 1, 40), np.isin(np.arange(40), [4, 16, 30])  # one sequence of 40 steps
value[mark] = 0.8, -0.7, 0.4
_, axes = plt.subplots(1, 2, figsize=(16, 4.6), sharey=True)
for ax, name, closes in zip(axes, ["with a forget gate", "without (1997): f = 1"], [-20.0, 0.0]):
    W = np.array([[0, 0, 0, 1], [20, closes, 0, 0]])  # columns i, f, o, g; rows: from the value, from the mark
    params = {"W": W, "U": np.zeros((1, 4)), "b": np.array([-10.0, 10.0, 10.0, 0.0])}
    state, s = LSTMState(*np.zeros((2, 1, 1))), []
    for t in range(40):
        state = equations.lstm(params, np.array([[value[t], mark[t]]]), state)
        s.append(state.cell.item())
    ax.plot(np.where(mark, value, np.nan), "o", color=plotting.RED, markersize=13, label="marked")
    ax.plot(value, "o", color="0.6", label="value shown")
    ax.step(range(40), s, where="post", label=f"memory cell $s$\n({name})")
    ax.legend(fontsize=12, loc="lower left").axes.set(xlabel="step t", ylabel="value", ylim=(-2.3, 1.4))
    print(f"{name}: {s[4]:.2f}, {s[16]:.2f}, {s[30]:.2f}")

# %% [markdown]
# **Answer.** With a forget gate the tanh of the last marked value: 0.66, -0.60, 0.38. Without one it can only add, so
# it holds sums: 0.66, 0.06, 0.44. Both hold what they have until the next mark.
#
# ## 4. How long is a memory? (15 minutes)
#
# Look at $s_t = f_t \, s_{t-1} + i_t \, g_t$ once more, and at the red line of the diagram. On the way back along the
# cell there is no $U$ and no $1 - h^2$. The gradient is only multiplied by $f$, and the network can make that 1 where
# it matters.
#
# But it must begin somewhere. With small weights a forget gate starts at about $\sigma(b_f)$, where $b_f$ is its bias.
# After $n$ steps $\sigma(b_f)^n$ is left. Added up, this says how many steps a memory lasts:
#
# $$1 + \sigma(b_f) + \sigma(b_f)^2 + \dots = \frac{1}{1 - \sigma(b_f)} = 1 + \exp(b_f) .$$
#
# With $b_f = 0$ that is 2 steps, with the usual $b_f = 1$ it is 3.7. **To reach back $T$ steps, begin with
# $b_f = \log(T - 1)$.** The cell draws the rule and, with the functions of part 2, what real networks do.
#
# **Predict first.** A real LSTM has a second way back, through $h$ and $U$. Will its gradients lie above the rule or
# below it?

# %%
plt.figure(figsize=(11, 5)).add_subplot(xlabel="steps back", ylabel=r"length of $d\mathcal{L} / ds_t$")
for b_f, colour in (0, plotting.RED), (1, plotting.ORANGE), (np.log(T - 1), plotting.BLUE):
    params = common.new_lstm(rng, 5, 32, float)
    params["b"][32:64] = b_f
    found, sigma = length(slopes(equations.lstm, params, x, 32, weights)), equations.sigmoid(b_f)
    plt.semilogy(back, found, color=colour, label=f"$b_f$ = {b_f:.2f}: lasts {1 / (1 - sigma):.1f} steps")
    plt.semilogy(back, found[-1] * sigma**back, "--", color=colour)
    np.testing.assert_allclose(sum(sigma ** np.arange(1000)), 1 + np.exp(b_f))
    print(f"b_f = {b_f:.2f}: 29 steps back {found[0] / found[-1]:.1e} times the gradient, by the rule {sigma**29:.1e}")
    assert found[0] / found[-1] > sigma**29
plt.title("solid: measured; dashed: the rule")
plt.legend()
plt.show()

# %% [markdown]
# **Answer.** Above it. Real gradients fade more slowly than the rule says, or even grow, as with the highest bias here.
# But the order is as it says, and so is the lesson: a higher bias reaches further.
#
# ## 5. The contest (15 minutes)
#
# The task of part 1, the same for all: 400 updates by Adam with 32 new sequences each. A gradient longer than 1 is
# **clipped**: shortened to length 1, so that one exploding gradient cannot spoil a run. To choose among four symbols,
# the network puts out four logits $c_k$. A **softmax** turns them into probabilities that sum to 1,
#
# $$p_k = \frac{\exp(c_k)}{\sum_j \exp(c_j)} .$$
#
# - The LSTM has 16 cells. Five runs start with $b_f = \log(T - 1)$ from different random weights (seeds 0 to 4), and
#   two with the usual $b_f = 1$.
# - The network without gates gets 32 units, so that both have about as many parameters, and six tries: the usual and
#   the orthogonal $U$, each at three learning rates.
#
# Each is tested on 1000 new sequences. **The third cell trains 13 networks: that takes one to two minutes.**
#
# **Predict first.** Which of the four groups will solve the task? Bet on a share of right answers for each; guessing
# gets 25 %.

# %%
def answers(step, params, x):
    state = LSTMState(*np.zeros((2, x.shape[1], len(params["out"]["W"]))))
    for x_t in x:
        state = step(params["cell"], x_t, state)
    return equations.linear(params["out"], state.h)  # (batch, 4): logits

def surprise(params, step, x, answer):  # -log of the right answer's probability, a softmax, in nats
    logits = answers(step, params, x)
    log_sum = backend.np.log(backend.np.sum(backend.np.exp(logits), axis=1))
    return backend.np.mean(log_sum - logits[np.arange(len(answer)), answer])

# %%
def train(step, cell, seed, rate, updates=400):
    rng, history = np.random.default_rng(seed), []
    params = {"cell": cell, "out": common.new_linear(rng, cell["U"].shape[0], SYMBOLS, float)}
    state = adam_init(params)
    for _ in range(updates):
        x, answer = remember(32, rng)
        nats, gradient = backend.value_and_grad(partial(surprise, step=step, x=x, answer=answer), params)
        gradient = clip_by_global_norm(gradient, global_norm(gradient), 1.0)
        params, state = adam_update(params, gradient, state, rate)
        history.append(nats)
    x, answer = remember(1000, rng)
    return params, history, np.mean(np.argmax(answers(step, params, x), axis=1) == answer)

# %%
runs = [(r"LSTM, $b_f = \log 29$", seed, 0.03) for seed in range(5)]
runs += [("LSTM, $b_f = 1$", seed, 0.03) for seed in (0, 1)]
for U in "usual", "orthogonal":
    runs += [(f"no gates, {U} $U$", seed, rate) for seed, rate in enumerate((0.001, 0.005, 0.03))]
results = []
for name, seed, rate in tqdm(runs):
    if "LSTM" in name:
        cell = common.new_lstm(np.random.default_rng(seed), SYMBOLS + 1, 16, float)
        cell["b"][16:32] = np.log(T - 1) if "29" in name else 1
    else:
        cell = new_rnn(np.random.default_rng(seed), 32, "orthogonal" in name)
    results.append(train(kernels.lstm if "LSTM" in name else rnn, cell, seed, rate))
    size = sum(leaf.size for leaf in named_leaves(results[-1][0]).values())
    print(f"{name:25} seed {seed}, rate {rate:5}, {size} parameters: {results[-1][2]:.0%} right")

# %%
_, axes = plt.subplots(1, 4, figsize=(17, 4), sharey=True)
names = list(dict.fromkeys(name for name, _, _ in runs))
for (name, _, rate), (_, history, _) in zip(runs, results):
    ax = axes[names.index(name)]
    ax.plot(range(20, 401), np.convolve(history, np.ones(20) / 20, "valid"), linewidth=1.5, label=f"rate {rate}")
    ax.axhline(np.log(SYMBOLS), color="black", linestyle="--", linewidth=1)  # guessing
    ax.set(title=name, xlabel="update", ylabel="surprise, nats\n(mean of 20 updates)" if ax is axes[0] else None)
[ax.legend(fontsize=12) for ax in axes[2:]]
right = np.array([share for _, _, share in results])
assert np.sum(right[:5] > 0.9) >= 4 and right[5:].max() < 0.5
W = 5 * np.vstack([np.eye(4, 5), [1, 1, 1, 1, 0]])  # no gates: a unit for each symbol, and one that says t > 1
by_hand = {"cell": {"W": W, "U": W, "b": np.array([-7, -7, -7, -7, 5])}, "out": {"W": np.eye(5, 4), "b": np.zeros(4)}}
x, answer = remember(1000, rng)
print(f"no gates, weights by hand: {np.mean(np.argmax(answers(rnn, by_hand, x), axis=1) == answer):.0%} right")
assert np.all(np.argmax(answers(rnn, by_hand, x), axis=1) == answer)

# %% [markdown]
# **Answer.** Only the LSTM with the right bias. All other curves stay at the dashed line, which is guessing, or above:
# no try without gates comes near, and the same LSTM with $b_f = 1$ has not begun. (DRAW begins with 1 and learns well:
# each of its steps adds to the canvas, so its loss has a short way to every one of them.)
#
# Is it impossible without gates? No: the line printed last is of a network without gates, five units with weights set
# by hand. A symbol alone, or a mark alone, does not lift its unit from -1. Both together do, and then the unit's own 5
# in $U$ holds it at 1. (The fifth unit is 0 in the first step only, when no unit is at -1 yet.) So such a network
# **can** remember. What the six tries show is that 400 updates, at these rates and from these seeds, did not **learn**
# it. Exercise 3 gives the orthogonal network 3000. With forget gates that begin nearly open, 400 were enough.
#
# ## 6. Into the memory (10 minutes)
#
# One sequence, marked at step 10, goes through the first of the trained LSTMs. Then 400 sequences, all marked at step
# 10, and the cell that tells their answers apart best: a line for each sequence, coloured by the marked symbol. Last,
# DRAW itself: the shipped model draws one digit, and its decoder's 256 memory cells are sorted by how long they last,
# by the rule of part 4 with the mean of each cell's forget gate. Purple is positive, orange negative.
#
# **Predict first.** What will the input gates do at step 10, and at the other steps? Nobody told them. And will DRAW
# need cells that last long, cells that change at every step, or both?

# %%
params, (x, _), steps = results[0][0]["cell"], remember(400, rng), []
x[:, :, SYMBOLS] = np.arange(T)[:, None] == 10
answer, state = np.argmax(x[10, :, :SYMBOLS], axis=1), LSTMState(*np.zeros((2, 400, 16)))
for x_t in x:
    gates = equations.sigmoid(x_t @ params["W"] + state.h @ params["U"] + params["b"])[:, :48]
    state = equations.lstm(params, x_t, state)
    steps.append([*np.split(gates, 3, axis=1), state.cell])
i, f, o, s = np.swapaxes(steps, 0, 1)  # each (T, 400, 16)
figure, axes = plt.subplots(1, 3, figsize=(17, 4.5))
for ax, name, shown in zip(axes, ["input gates $i$", "forget gates $f$", "memory cells $s$"], [i, f, s]):
    look = {"vmin": -3, "vmax": 3, "cmap": "PuOr"} if shown is s else {"vmin": 0, "vmax": 1, "cmap": "gray"}
    figure.colorbar(ax.imshow(shown[:, 0].T, aspect="auto", **look), ax=ax)
    ax.set(title=f"{name}, mark at step 10", xlabel="step t", ylabel="cell")
plt.show()

# %%
means = np.stack([s[:, answer == k].mean(axis=1) for k in range(SYMBOLS)])  # (4, T, 16)
best = np.argmax(means[:, -1].var(axis=0) / s[-1].var(axis=0))
plt.figure(figsize=(12, 5)).add_subplot(xlabel="step t", ylabel=f"memory cell {best}")
for k in range(SYMBOLS):
    plt.plot(s[:, answer == k, best], color=f"C{k}", linewidth=0.5, alpha=0.5)
    plt.plot(means[k, :, best], color=f"C{k}", linewidth=5, label=f"{'ABCD'[k]} was marked")
plt.axvline(10, color="black", linestyle="--", linewidth=1)
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
apart = 1 - ((s[:, :, best] - means[answer, :, best].T) ** 2).mean(axis=1) / s[:, :, best].var(axis=1)
print(f"the answer explains {apart[9]:.0%} of this cell's variance before the mark, {apart[-1]:.0%} at the end")
opened = i[10].mean(axis=0) - np.delete(i, 10, axis=0).mean(axis=(0, 1))  # (16,)
print(f"the mark opens input gate {opened.argmax()} by {opened.max():.2f} over its mean at other steps")
assert apart[9] < 0.1 < 0.5 < apart[-1] and opened.max() > 0.3

# %%
params, config = load_pretrained("mnist")
decoder, noise, f, s, h = params["decoder"], draw.sample_noise(config, 1, rng), [], [], []
state = LSTMState(params["initial"]["h_dec"][None], params["initial"]["cell_dec"][None])
for z in noise:  # Eq. 13, 14
    f.append(equations.sigmoid(z @ decoder["W"] + state.h @ decoder["U"] + decoder["b"])[0, 256:512])
    state = equations.lstm(decoder, z, state)
    h.append(state.h), s.append(state.cell[0])
drawn, lasts = draw.generate(params, config, noise), 1 / (1 - np.mean(f, axis=0))
windows = equations.attention_window(params["write_window"], np.concatenate(h), config.write_size, 28, 28)
np.testing.assert_allclose(windows.g_X, drawn.windows.g_X, rtol=1e-4)  # these are the states it draws with
_, axes = plt.subplots(1, 2, figsize=(16, 5.5), width_ratios=[3, 1])
axes[0].imshow(np.array(s)[:, np.argsort(lasts)].T, vmin=-3, vmax=3, cmap="PuOr", aspect="auto")
axes[0].set(title=f"cells that last {lasts.min():.0f} (top) to {lasts.max():.0f} steps", xlabel="step t", ylabel="cell")
plotting.show_image(axes[1], equations.sigmoid(drawn.canvases[-1, 0]), "what DRAW drew")
plt.show()

# %% [markdown]
# **Answer.** Some input gates have learned to open at the mark and to stay shut otherwise. After the mark the four
# colours part, and stay apart. And DRAW has both: the cells at the top flicker, those at the bottom keep what they
# have.
#
# **Take away.** A network that mixes its memory with its input at every step multiplies its gradient by a matrix for
# each step back, so the gradient vanishes or explodes. An LSTM writes, keeps and clears by gates, and on the way back
# along its cell the gradient meets nothing but the forget gate. The bias of that gate says how far back it can begin to
# learn: $b_f = \log(T - 1)$ for $T$ steps.
#
# ## On your own
#
# [`exercises/03_remember.ipynb`](exercises/03_remember.ipynb) has a place for each answer and a cell
# that checks it.
#
# 1. **A latch** (easy, 15 minutes). Choose the weights of an LSTM with one cell by hand: its cell goes to 0.5 at a
#    "set" and to 0 at a "reset", and stays as it is otherwise. *Expect to need large weights: a gate that is half open
#    leaks.*
# 2. **Backwards through a gate** (harder, 15 minutes). Work out what $s_{t-1}$, $i$, $f$ and $g$ receive from
#    $s_t = f s_{t-1} + i g$, and what their pre-activations receive. *Expect finite differences to agree. Where a gate
#    is nearly 0 or 1 almost nothing comes through to what moves it.*
# 3. **Patience** (hard, 30 minutes). Write the backward pass through time of the network without gates as a function.
#    Then train the orthogonal network of part 5 from seed 1 at rate 0.001 for 3000 updates in place of 400. *Expect the
#    gradients of `value_and_grad`, a long plateau at $\log 4$, and then a fall.*
#
# ## Further reading
#
# - The paper, section 2.1. `draw_np/equations/lstm.py` is part 3 in one short file; `draw_np/kernels/lstm.py` beside it
#   has the derivatives by hand.
# - S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory" (1997), and F. A. Gers and others, "Learning to Forget"
#   (2000): the cell, and the gate that it had lacked.
# - R. Pascanu and others, [On the difficulty of training recurrent neural networks](https://arxiv.org/abs/1211.5063),
#   2013: vanishing and exploding gradients, and clipping.
# - C. Tallec and Y. Ollivier, [Can recurrent neural networks warp time?](https://arxiv.org/abs/1804.11188), 2018: where
#   $b_f = \log(T - 1)$ comes from.
