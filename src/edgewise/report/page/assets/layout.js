// Where things stand. A transformer's graph has natural coordinates, layer by head, so no solver is needed: `input` below,
// `logits` on top, a row a layer, a column a head, MLPs on the right, a little above the heads that they read.

const LOWEST = 24; // rows
const TALLEST = 104;
const NODE = { least: 38, most: 64 };
const LEFT = 64;

class Layout {
  // width, height: of the place it is drawn in, which it fills as far as boxes stay together.
  constructor(model, width, height) {
    const { layers, heads, kv_heads: kvHeads, mlp, parallel } = model.run.shape;
    const used = new Set(model.names.filter((node) => node.kind === "head").map((node) => node.column));
    for (const node of model.names.filter((one) => one.kind === "kv")) {
      for (let i = 0; i < model.heads; i++) used.add(node.column * model.heads + i);
    }
    this.columns = [...used].sort((a, b) => a - b);
    this.place = new Map(this.columns.map((column, i) => [column, i]));
    this.layers = layers;
    this.grouped = kvHeads < heads;
    this.row = Math.max(LOWEST, Math.min(TALLEST, height / (layers + 2)));
    this.nodeHeight = Math.min(18, this.row * (this.grouped ? 0.5 : 0.62));
    this.shared = Math.min(11, this.row * 0.28); // the height of what heads share
    this.height = (layers + 2) * this.row;
    const across = Math.max(1, this.columns.length) + (mlp ? 2 : 0.6);
    this.pitch = Math.max(46, Math.min(130, ((this.height * width) / height - LEFT) / across));
    this.nodeWidth = Math.max(NODE.least, Math.min(NODE.most, this.pitch - 8));
    this.width = LEFT + across * this.pitch;
    this.mlpRise = parallel ? 0 : 0.44 * this.row;
    this.model = model;
  }

  layerY(layer) {
    return this.height - (layer + 1.6) * this.row;
  }

  columnX(column) {
    return LEFT + ((this.place.get(column) ?? column) + 0.5) * this.pitch;
  }

  // Centre and size of a node.
  box(name) {
    const node = parseNode(name);
    const middle = LEFT + (Math.max(1, this.columns.length) * this.pitch) / 2;
    const height = this.nodeHeight;
    if (node.kind === "input") return { x: middle, y: this.height - 0.55 * this.row, width: 96, height };
    if (node.kind === "logits") return { x: middle, y: 0.35 * this.row, width: 96, height };
    const y = this.layerY(node.layer);
    if (node.kind === "mlp") {
      return { x: LEFT + (Math.max(1, this.columns.length) + 0.7) * this.pitch, y: y - this.mlpRise, width: this.nodeWidth, height };
    }
    if (node.kind === "kv") {
      const [first, last] = [node.column * this.model.heads, (node.column + 1) * this.model.heads - 1];
      const [left, right] = [this.columnX(first), this.columnX(last)];
      return { x: (left + right) / 2, y: y + (height + this.shared) / 2 + 2, width: right - left + this.nodeWidth, height: this.shared };
    }
    return { x: this.columnX(node.column), y, width: this.nodeWidth, height };
  }

  layerBox(layer) {
    const middle = LEFT + (Math.max(1, this.columns.length) * this.pitch) / 2;
    return { x: middle, y: this.layerY(layer), width: 150, height: this.nodeHeight };
  }

  // The middle of several nodes.
  between(names) {
    const boxes = names.map((name) => this.box(name));
    const mean = (key) => boxes.reduce((sum, box) => sum + box[key], 0) / boxes.length;
    return { x: mean("x"), y: mean("y"), width: 0, height: this.nodeHeight + 3 };
  }
}

const PORTS = { q: -0.3, k: 0, v: 0.3 };

function portX(box, letter) {
  return box.x + (PORTS[letter] || 0) * box.width;
}

// How tall a drawing of so many layers should be, at least.
function tallEnough(layers) {
  return Math.min(1500, (layers + 2) * 27);
}

// A curve from the top of one box to the bottom of another, as its four points; bowed where boxes of its column are between.
function curveOf(from, to, letter, { pitch, row }) {
  const start = [from.x, from.y - from.height / 2];
  const end = [portX(to, letter), to.y + to.height / 2];
  const rise = start[1] - end[1];
  const pull = Math.max(12, Math.min(150, Math.abs(rise) * 0.45));
  const bow = rise > 1.4 * row && Math.abs(start[0] - end[0]) < pitch * 0.6 ? pitch * Math.min(1.1, 0.4 + (0.08 * rise) / row) : 0;
  return [start, [start[0] + bow, start[1] - pull], [end[0] + bow, end[1] + pull], end];
}

function pathOf([a, b, c, d]) {
  const short = (value) => Math.round(value * 10) / 10;
  const text = (point) => `${short(point[0])} ${short(point[1])}`;
  return `M${text(a)}C${text(b)} ${text(c)} ${text(d)}`;
}

function sampled([a, b, c, d], n = 16) {
  return Array.from({ length: n + 1 }, (_, i) => {
    const t = i / n;
    const u = 1 - t;
    const mix = (k) => u * u * u * a[k] + 3 * u * u * t * b[k] + 3 * u * t * t * c[k] + t * t * t * d[k];
    return [mix(0), mix(1)];
  });
}

// Squared distance from a point to a polyline.
function distance(points, x, y) {
  let least = Infinity;
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = points[i - 1];
    const [dx, dy] = [points[i][0] - ax, points[i][1] - ay];
    const length = dx * dx + dy * dy || 1;
    const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length));
    const [ex, ey] = [ax + t * dx - x, ay + t * dy - y];
    least = Math.min(least, ex * ex + ey * ey);
  }
  return least;
}
