// Python in the browser: the project's own NumPy code under Pyodide, in a thread beside the page.

let answer; // of draw_np.play.engine, for the loaded network

onmessage = async ({ data }) => {
  try {
    if (data.folder) {
      await load(data.folder, data.files);
      postMessage({ answer: null });
    } else {
      const bytes = answer(new Uint8Array(data.body)).slice().buffer;
      postMessage({ answer: bytes }, [bytes]);
    }
  } catch (error) {
    const lines = String(error.message ?? error).trim().split("\n");
    postMessage({ error: lines.at(-1) }); // of a traceback the line that says it
  }
};

// Load Pyodide from `folder`, NumPy, the project's code and the weights; tell the page how far it is. `files` says how
// many bytes each has: a server may send them compressed.
async function load(folder, files) {
  const of = Object.values(files).reduce((sum, bytes) => sum + bytes, 0);
  let loaded = 0;
  const fetched = self.fetch;
  self.fetch = async (...request) => {
    const reply = await fetched(...request);
    if (!reply.ok) throw new Error(`${reply.url} cannot be loaded: the server answers ${reply.status}`);
    const counted = reply.body.pipeThrough(
      new TransformStream({
        transform(piece, controller) {
          loaded += piece.length;
          postMessage({ loaded: Math.min(loaded, of), of });
          controller.enqueue(piece);
        },
      }),
    );
    return new Response(counted, { headers: { "Content-Type": reply.headers.get("Content-Type") ?? "" } });
  };
  const base = new URL(folder, import.meta.url).href;
  const { loadPyodide } = await import(`${base}pyodide.mjs`);
  const code = fetch(new URL("python.zip", import.meta.url)).then((reply) => reply.arrayBuffer());
  const python = await loadPyodide({ indexURL: base });
  await python.loadPackage("numpy", { messageCallback: () => {} });
  python.unpackArchive(await code, "zip");
  self.fetch = fetched;
  answer = python.runPython(`
    from pyodide.ffi import to_js
    from draw_np.play import engine
    network = engine.open_network("weights.npz")
    lambda body: to_js(engine.answer(network, body.to_bytes()))
  `);
}
