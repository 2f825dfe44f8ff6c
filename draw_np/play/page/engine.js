// The two engines behind the page. Each is a function: the bytes of a request in, a promise of the bytes of an answer out
// (draw_np/play/engine.py, `answer`, is what both run).

// Start the engine that `about` names. `progress(bytes, of)` is called while it loads. Returns ask(seed, image): a promise
// of a drawing, {steps, canvases, errors, read, write, kl}, of an image or, without one, from imagination.
export async function start(about, progress) {
  const send = about.engine.kind === "server" ? server(about.engine) : await worker(about.engine, progress).catch(unloaded);
  return async (seed, image) => unpack(await send(pack(seed, image)));
}

function unloaded(error) {
  throw new Error(`Python could not be loaded. Is there a connection? Reload this page to try again. (${error.message})`);
}

// The NumPy of this machine, behind the server that sent the page.
function server({ address }) {
  const token = location.hash.slice(1);
  if (!token) throw new Error("This address lacks its token: open the one that the terminal shows.");
  return async (body) => {
    let reply;
    try {
      reply = await fetch(address, { method: "POST", headers: { "X-Token": token }, body });
    } catch {
      throw new Error("The server has stopped: start it again, and open the new address that the terminal shows.");
    }
    if (!reply.ok) throw new Error(`The server refuses: ${(await reply.text()).trim()}.`);
    return reply.arrayBuffer();
  };
}

// NumPy in the browser, in a thread of its own, so that the page never stands still.
async function worker({ folder, files }, progress) {
  const thread = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  const waiting = []; // answers come in the order of the requests
  const ready = new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  thread.onerror = (event) => waiting.shift()?.reject(new Error(event.message || "Python could not be started."));
  thread.onmessage = ({ data }) => {
    if (data.loaded !== undefined) progress(data.loaded, data.of);
    else if (data.error) waiting.shift().reject(new Error(data.error));
    else waiting.shift().resolve(data.answer);
  };
  thread.postMessage({ folder, files });
  await ready;
  return (body) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      thread.postMessage({ body }, [body]);
    });
}

// A request: four bytes of seed, the lowest first, and the image's numbers.
export function pack(seed, image) {
  const body = new ArrayBuffer(4 + 4 * (image?.length ?? 0));
  const view = new DataView(body);
  view.setUint32(0, seed, true);
  image?.forEach((value, k) => view.setFloat32(4 + 4 * k, value, true));
  return body;
}

// An answer: a line of JSON with the shape of each field, and then the fields' numbers. A field becomes the list of what
// it is in each step.
export function unpack(answer) {
  const end = new Uint8Array(answer).indexOf(10);
  const shapes = JSON.parse(new TextDecoder().decode(new Uint8Array(answer, 0, end)));
  const numbers = new Float32Array(answer.slice(end + 1));
  const drawing = {};
  let from = 0;
  for (const [name, [steps, ...shape]] of Object.entries(shapes)) {
    const size = shape.reduce((product, side) => product * side, 1);
    drawing.steps = steps;
    drawing[name] = Array.from({ length: steps }, (_, t) => numbers.subarray(from + t * size, from + (t + 1) * size));
    from += steps * size;
  }
  return drawing;
}
