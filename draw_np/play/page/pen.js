// Strokes, lists of points [x, y] in pixels, and the picture that they make. The first pixel's centre is at (0, 0).

export const THICKNESS = 2.8; // pixels, as MNIST's strokes
const BOX = 20, MIDDLE = 14; // MNIST's digits fill a box of 20 pixels, and their centre of mass is at pixel 14 of 28

// The ink in each pixel, from 0 to 1: full within half the thickness of a line, none a pixel further out.
export function ink(strokes, width, height) {
  const segments = strokes.flatMap((points) => points.map((point, k) => [points[Math.max(k - 1, 0)], point]));
  return Float32Array.from({ length: width * height }, (_, k) => {
    const nearest = Math.min(...segments.map(([a, b]) => distance(k % width, Math.floor(k / width), a, b)));
    return Math.max(0, Math.min(1, THICKNESS / 2 + 0.5 - nearest));
  });
}

// From a point to the segment from a to b.
function distance(x, y, [ax, ay], [bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length && Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

// The strokes as MNIST's digits lie on their 28 x 28 pixels: of their size, and centred by the centre of mass.
export function asMNIST(strokes) {
  const xs = strokes.flat().map(([x]) => x), ys = strokes.flat().map(([, y]) => y);
  const side = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const scale = side > 2 ? (BOX - THICKNESS) / side : 1; // a dot stays one
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const move = (scale, x, y) => (points) => points.map(([px, py]) => [scale * (px - x) + MIDDLE, scale * (py - y) + MIDDLE]);
  const sized = strokes.map(move(scale, middle(xs), middle(ys)));
  const pixels = ink(sized, 2 * MIDDLE, 2 * MIDDLE);
  let mass = 0, x = 0, y = 0;
  pixels.forEach((value, k) => {
    mass += value;
    x += value * (k % (2 * MIDDLE));
    y += value * Math.floor(k / (2 * MIDDLE));
  });
  return sized.map(move(1, x / mass, y / mass));
}
