// The pad: strokes by mouse, finger and pen, or by arrow keys and the space bar.

import { place } from "./paint.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Have strokes drawn on `canvas`: begin(point), move(point) and end() are called as they come; `about` has the sizes.
// Returns what the keyboard's pen is at, {place, shown}.
export function listen(canvas, about, { begin, move, end }) {
  let pointer = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    keys.shown = false;
    begin(place(canvas, about, event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) move(place(canvas, about, each));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      end();
    });
  }

  const keys = { place: [(about.width - 1) / 2, (about.height - 1) / 2], shown: false, down: false };
  const lift = () => {
    if (keys.down) end();
    keys.down = false;
  };
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== " ") return;
    event.preventDefault(); // the page is not to scroll
    keys.shown = true;
    if (arrow) {
      keys.place = keys.place.map((value, k) => Math.max(0, Math.min([about.width, about.height][k] - 1, value + arrow[k])));
    } else if (!event.repeat) {
      if (keys.down) return lift();
      keys.down = true;
      return begin(keys.place);
    }
    move(keys.place);
  });
  canvas.addEventListener("blur", () => {
    lift();
    keys.shown = false;
    move(keys.place);
  });
  return keys;
}
