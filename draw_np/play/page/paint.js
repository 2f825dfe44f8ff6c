// Pictures on canvases: pixels, the rectangles of windows, strokes, the curve.

const SKY = [86, 180, 233]; // what is too much
const LEAST = 2; // of a border, in pixels of the screen: wherever it lies, some are all of its colour

// How far around a picture its canvas reaches, in pixels of the picture: windows may reach beyond it.
export const rim = ({ height, width }) => Math.ceil(Math.max(height, width) / 10) + 0.5;

// Where on a picture an event points, the first pixel's centre being (0, 0).
export function place(canvas, about, event) {
  const box = canvas.getBoundingClientRect();
  const side = rim(about) + 0.5;
  const along = (at, start, length, pixels) => ((at - start) / length) * (pixels + 2 * rim(about)) - side;
  return [along(event.clientX, box.left, box.width, about.width), along(event.clientY, box.top, box.height, about.height)];
}

// A brush for a canvas, cleared, whose unit is a pixel of the picture and whose origin the first pixel's centre.
export function brush(canvas, about) {
  const dense = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * dense);
  canvas.height = Math.round((canvas.clientWidth * dense * (about.height + 2 * rim(about))) / (about.width + 2 * rim(about)));
  const pen = canvas.getContext("2d");
  const scale = canvas.width / (about.width + 2 * rim(about));
  pen.setTransform(scale, 0, 0, scale, scale * (rim(about) + 0.5), scale * (rim(about) + 0.5));
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "#000";
  pen.fillRect(-0.5, -0.5, about.width, about.height);
  return pen;
}

// Paint pixels, numbers in [0, 1], or [-1, 1] of an error image: what is missing white, what is too much blue.
export function pixels(pen, about, values) {
  const { width, height, channels } = about;
  const small = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  const signed = values.some((value) => value < 0);
  for (let k = 0; k < width * height; k++) {
    for (let c = 0; c < 3; c++) {
      const value = channels === 1 ? values[k] : values[3 * k + c];
      const shade = channels === 1 ? (value < 0 ? -value * SKY[c] : 255 * value) : 255 * (signed ? (value + 1) / 2 : value);
      image.data[4 * k + c] = Math.round(shade);
    }
    image.data[4 * k + 3] = 255;
  }
  small.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(small, -0.5, -0.5);
}

// The border of a window, as wide as it is blurred.
export function rectangle(pen, [left, top, width, height, border], colour) {
  const thin = (LEAST * (window.devicePixelRatio || 1)) / pen.getTransform().a;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.globalAlpha = 0.16;
  pen.fillRect(left, top, width, height);
  pen.globalAlpha = 1;
  pen.lineWidth = Math.max(border, thin);
  pen.strokeRect(left, top, width, height);
}

// Strokes while they are drawn.
export function lines(pen, strokes, thickness) {
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = thickness;
  pen.strokeStyle = "#fff";
  for (const points of strokes) {
    pen.beginPath();
    points.forEach(([x, y]) => pen.lineTo(x, y));
    if (points.length === 1) pen.lineTo(points[0][0] + 0.01, points[0][1]);
    pen.stroke();
  }
}

// One bar for each step, the present one marked.
export function curve(svg, values, t) {
  const most = Math.max(...values, 1e-9);
  svg.setAttribute("viewBox", `0 0 ${values.length} 1`);
  if (svg.childElementCount !== values.length) {
    svg.replaceChildren(...Array.from(values, () => document.createElementNS(svg.namespaceURI, "rect")));
  }
  [...svg.children].forEach((bar, k) => {
    const height = Math.max(values[k] / most, 0.015);
    const sides = { x: k + 0.12, y: 1 - height, width: 0.76, height, class: k === t ? "now" : k < t ? "past" : "" };
    Object.entries(sides).forEach(([name, value]) => bar.setAttribute(name, value));
  });
}
