// The page: what is drawn goes to the engine, what comes back is shown step by step.

import { start } from "./engine.js";
import { listen } from "./pad.js";
import { brush, curve, lines, pixels, rectangle } from "./paint.js";
import { THICKNESS, asMNIST, ink } from "./pen.js";

const STEP = 100; // milliseconds that a step is shown
const PAUSE = 700; // that a pen is lifted before the drawing counts as done
const $ = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
const still = matchMedia("(prefers-reduced-motion: reduce)");

// All that the page shows: the strokes, the image made of them, the seed of the noise, what the network did, the step.
export const state = { strokes: [], image: null, seed: 0, drawing: null, t: 0, playing: null };
let about, keys;
let ask = null; // the engine, once it is there
let request = 0; // the latest one: what others bring is too late
let lifted; // the timer since the pen was
let stroking = false;
let frame = null; // of the screen, in which all is painted

const newSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
const last = () => state.drawing.steps - 1;

// Drawing.

function begin(point) {
  clearTimeout(lifted);
  const finished = state.drawing && state.t === last() && !state.playing;
  if (finished || !state.strokes.length) forget();
  request++; // what is still being drawn is of the drawing as it was
  stroking = true;
  stop();
  state.strokes.push([point]);
  show();
}

function move(point) {
  if (stroking) state.strokes.at(-1).push(point);
  show();
}

function end() {
  stroking = false;
  lifted = setTimeout(() => {
    if (about.height === 28 && about.width === 28) state.strokes = asMNIST(state.strokes);
    const grey = ink(state.strokes, about.width, about.height);
    look(Float32Array.from({ length: grey.length * about.channels }, (_, k) => grey[Math.floor(k / about.channels)]));
  }, PAUSE);
}

function forget() {
  stop();
  clearTimeout(lifted);
  request++;
  Object.assign(state, { strokes: [], image: null, drawing: null, t: 0 });
  if (ask) say("");
  show();
}

// Asking the engine.

const look = (image) => draw({ image, seed: newSeed() });
const again = () => draw({ image: state.image, seed: newSeed() });

async function draw(wanted) {
  stop();
  Object.assign(state, wanted, { drawing: null, t: 0 });
  if (!state.image) state.strokes = [];
  show();
  if (!ask) return; // it begins once the engine is there
  const mine = ++request;
  say("The network is drawing ...");
  try {
    const drawing = await ask(state.seed, state.image);
    if (mine !== request) return;
    state.drawing = drawing;
    say("");
    if (navigator.userActivation?.hasBeenActive) $("pictures").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
    still.matches ? go(last()) : play();
  } catch (error) {
    if (mine === request) say(error.message);
  }
}

// Time.

function go(t) {
  state.t = Math.max(0, Math.min(last(), t));
  show();
}

function play() {
  if (state.t === last()) state.t = 0;
  state.playing = setInterval(() => (state.t < last() ? go(state.t + 1) : stop()), STEP);
  show();
}

function stop() {
  clearInterval(state.playing);
  state.playing = null;
  show();
}

// Showing.

function say(text) {
  $("status").textContent = text;
}

function show() {
  frame ??= requestAnimationFrame(paint);
}

function paint() {
  frame = null;
  const { drawing, image, strokes, t } = state;
  const [read, write] = [colour("read"), colour("write")];

  const pad = brush($("pad"), about);
  if (image && !stroking) pixels(pad, about, image);
  else lines(pad, strokes, THICKNESS);
  if (keys.shown) {
    pad.fillStyle = write;
    pad.fillRect(keys.place[0] - 0.5, keys.place[1] - 0.5, 1, 1);
  }
  const missing = brush($("missing"), about);
  const canvas = brush($("canvas"), about);
  if (drawing) {
    pixels(canvas, about, drawing.canvases[t]);
    if (drawing.errors) pixels(missing, about, drawing.errors[t]);
    if (drawing.read && !stroking) for (const pen of [pad, missing]) rectangle(pen, drawing.read[t], read);
    if (drawing.write) rectangle(canvas, drawing.write[t], write);
  }

  const imagined = drawing && !drawing.kl;
  $("hint").hidden = strokes.length > 0 || Boolean(image) || keys.shown;
  $("whose").textContent = image && !strokes.length ? "Draw your own over this" : "Your drawing";
  $("hint").textContent = imagined ? "No drawing: this comes from imagination" : "Draw here";
  curve($("curve"), drawing?.kl?.map(([nats]) => nats) ?? Array(about.steps).fill(0), t);
  $("meaning").textContent = imagined
    ? "It looks at nothing, so it takes nothing: no step has a bar."
    : "Each bar: how much the network takes from your drawing in that step (KL, in nats).";
  $("time").value = t + 1;
  $("told").textContent = drawing ? told(t) : "";
  $("time").setAttribute("aria-valuetext", drawing ? told(t) : "nothing is drawn yet");
  $("canvas").setAttribute("aria-label", drawing ? `The network's canvas after step ${t + 1}` : "The network's canvas, empty");
  $("missing").setAttribute("aria-label", drawing?.errors ? `What was missing before step ${t + 1}` : "Nothing to compare");
  $("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  $("play").classList.toggle("playing", Boolean(state.playing));
  for (const id of ["time", "back", "play", "step"]) $(id).disabled = !drawing;
  $("again").disabled = !drawing;
  $("clear").disabled = !strokes.length && !image && !drawing;
}

function told(t) {
  const taken = state.drawing.kl?.slice(0, t + 1).reduce((sum, [nats]) => sum + nats, 0);
  return `step ${t + 1} of ${state.drawing.steps}` + (taken === undefined ? "" : `, ${taken.toFixed(1)} nats`);
}

// Beginning.

function offer({ label, pixels: encoded }) {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const image = Float32Array.from(bytes, (value) => value / 255);
  const button = Object.assign(document.createElement("button"), { type: "button", className: "example" });
  button.setAttribute("aria-label", `Take this ${label}`);
  const small = Object.assign(document.createElement("canvas"), { width: about.width, height: about.height });
  const pen = small.getContext("2d");
  pen.translate(0.5, 0.5);
  pixels(pen, about, image);
  button.append(small);
  button.addEventListener("click", () => {
    forget();
    look(image);
  });
  $("examples").append(button);
  return image;
}

async function begun() {
  say("");
  about = await (await fetch("about.json")).json();
  document.querySelector(".what").textContent = about.what;
  document.querySelector(".where").textContent = about.engine.kind === "server" ? "on this machine" : "in this browser";
  document.querySelectorAll(".steps").forEach((each) => (each.textContent = about.steps));
  document.querySelectorAll(".attention").forEach((each) => (each.hidden = !about.attention));
  document.querySelectorAll(".whole").forEach((each) => (each.hidden = about.attention));
  if (about.channels > 1) $("signs").textContent = "grey: nothing";
  if (about.course) Object.assign($("course"), { href: about.course, hidden: false });
  $("repository").hidden = Boolean(about.course);
  $("time").max = about.steps;
  keys = listen($("pad"), about, { begin, move, end });
  const images = about.examples.map(offer);
  new ResizeObserver(show).observe($("canvas"));
  $("clear").addEventListener("click", forget);
  $("again").addEventListener("click", again);
  $("imagine").addEventListener("click", () => draw({ image: null, seed: newSeed() }));
  $("play").addEventListener("click", () => (state.playing ? stop() : play()));
  $("back").addEventListener("click", () => (stop(), go(state.t - 1)));
  $("step").addEventListener("click", () => (stop(), go(state.t + 1)));
  $("time").addEventListener("input", () => (stop(), go($("time").value - 1)));
  show();

  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  ask = await start(about, (loaded, of) => {
    Object.assign($("progress"), { hidden: false, max: of, value: loaded });
    say(loaded < of ? `Loading Python, NumPy and the network: ${megabytes(loaded)} of ${megabytes(of)} MB` : "Starting them ...");
  });
  $("progress").hidden = true;
  say("");
  if (state.image) again();
  else if (!state.strokes.length) images.length ? look(images[2]) : draw({ image: null, seed: newSeed() });
}

begun().catch((error) => {
  $("progress").hidden = true;
  say(error.message);
});
