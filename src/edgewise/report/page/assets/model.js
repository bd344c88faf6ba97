// A run's document as what the views ask of it: edges by name, the edges shown, counts, faithfulness at a size.

const CERTAIN = 1.96; // standard errors on either side that hold 95 %

const parsed = new Map();

// Name, kind, layer and column of a node; parsed once.
function parseNode(name) {
  if (!parsed.has(name)) parsed.set(name, parseNew(name));
  return parsed.get(name);
}

function parseNew(name) {
  if (name === "input") return { name, kind: "input", layer: -1, column: 0 };
  if (name === "logits") return { name, kind: "logits", layer: Infinity, column: 0 };
  const mlp = /^m(\d+)$/.exec(name);
  if (mlp) return { name, kind: "mlp", layer: +mlp[1], column: 0 };
  const head = /^a(\d+)\.(h|kv)(\d+)$/.exec(name);
  if (!head) return { name, kind: "other", layer: 0, column: 0 };
  return { name, kind: head[2] === "h" ? "head" : "kv", layer: +head[1], column: +head[3] };
}

function parseEdge(name) {
  const [source, target] = name.split("@")[0].split("->");
  const input = /^(.*)<([qkv])>$/.exec(target);
  return { source, target, node: input ? input[1] : target, letter: input ? input[2] : "" };
}

// What an edge enters: q, k, v, an MLP, or the logits.
function entry(edge) {
  return edge.letter || (edge.node === "logits" ? "logits" : "mlp");
}

class Model {
  constructor(run) {
    this.run = run;
    this.ofEdges = run.level === "edge";
    const ranked = run.ranked;
    const exact = new Map((run.verified ? run.verified.names : []).map((name, i) => [name, run.verified.exact[i]]));
    this.items = ranked.names.map((name, i) => ({
      index: i,
      name,
      ...(this.ofEdges ? parseEdge(name) : { source: name, node: name, target: name, letter: "" }),
      rank: ranked.ranks[i],
      score: ranked.scores[i],
      stderr: ranked.stderrs[i],
      exact: ranked.exact ? ranked.exact[i] > 0 : null,
      drawn: ranked.exact ? ranked.exact[i] === 2 : false,
      doubt: ranked.doubts && !ranked.exact[i] ? ranked.doubts[i] : null, // of an estimate
      estimate: ranked.estimates ? ranked.estimates[i] : null,
      low: ranked.lows ? ranked.lows[i] : null,
      high: ranked.highs ? ranked.highs[i] : null,
      kept: Boolean(ranked.kept[i]),
      place: ranked.places ? ranked.places[i] : null,
      measured: exact.has(name) ? exact.get(name) : null,
    }));
    for (const item of this.items) item.sign = this.signOf(item.score);
    this.largest = Math.max(1e-30, ...this.items.map((item) => Math.abs(item.score || 0)));
    this.byName = new Map(this.items.map((item) => [item.name, item]));
    this.heads = run.shape.heads / run.shape.kv_heads; // that share a key and a value
    this.names = this.nodeNames();
    this.points = this.measuredPoints();
  }

  // Whether a score says that it helps; of a distance, what raises it does.
  signOf(score) {
    return signOf(score, this.run.lower_is_better);
  }

  nodeNames() {
    const names = new Set(["input", "logits"]);
    for (const item of this.items) names.add(item.source).add(item.node);
    return [...names]
      .map(parseNode)
      .sort((a, b) => a.layer - b.layer || a.kind.localeCompare(b.kind) || a.column - b.column);
  }

  // The nodes that an edge into `name` reaches: a shared key or value is read by every head of its group.
  readers(name) {
    const node = parseNode(name);
    if (node.kind !== "kv") return [name];
    return Array.from({ length: this.heads }, (_, i) => `a${node.layer}.h${node.column * this.heads + i}`);
  }

  // The places at which a node reads.
  reads(name) {
    const node = parseNode(name);
    if (node.kind !== "head" || this.heads === 1) return [name];
    return [name, `a${node.layer}.kv${Math.floor(node.column / this.heads)}`];
  }

  incoming(edges, name) {
    const places = this.reads(name);
    return edges.filter((edge) => places.includes(edge.node)).sort(strongest);
  }

  outgoing(edges, name) {
    return edges.filter((edge) => edge.source === name).sort(strongest);
  }

  classOf(name) {
    return this.run.classes[name] || null;
  }

  // Faithfulness by size, one point a size: what speaks of the heads of the list.
  measuredPoints() {
    const counted = `${this.run.level}s`;
    const found = new Map();
    for (const curve of this.run.curves) {
      if (!curve.of_order || curve.counted !== counted) continue;
      for (const point of curve.points) {
        if (point.faithfulness !== null && !found.has(point.size))
          found.set(point.size, { ...point, from: curve.name });
      }
    }
    return [...found.values()].sort((a, b) => a.size - b.size);
  }

  // What the first `size` keep: measured, or between two sizes that were; null where nobody knows.
  faithfulness(size) {
    const own = this.points.find((point) => point.size === size);
    if (own) return { value: own.faithfulness, stderr: own.stderr, measured: true };
    const below = this.points.filter((point) => point.size < size && point.size > 0).pop();
    const above = this.points.find((point) => point.size > size);
    if (!below || !above) return null;
    const share = (size - below.size) / (above.size - below.size);
    const value = below.faithfulness + share * (above.faithfulness - below.faithfulness);
    return { value, stderr: null, measured: false, between: [below.size, above.size] };
  }

  // The first measured size that keeps a share, and the last before it.
  sizeFor(share) {
    const at = this.points.findIndex((point) => point.faithfulness >= share);
    return at < 0 ? null : { reached: this.points[at], before: at > 0 ? this.points[at - 1] : null };
  }
}

function signOf(score, lowerIsBetter) {
  if (!score) return "plain";
  return score > 0 === lowerIsBetter ? "helps" : "harms";
}

function strongest(a, b) {
  return Math.abs(b.score || 0) - Math.abs(a.score || 0) || a.index - b.index;
}

// Whether a score's sign is not certain: at 95 % over prompts, or by the doubt of an estimate; null where nobody knows.
function isUncertain(item) {
  if (item.exact === false && item.doubt !== null && Math.abs(item.score) < item.doubt) return true;
  if (item.low !== null && item.high !== null) return item.low <= 0 && item.high >= 0;
  if (item.stderr === null || item.score === null) return null;
  return Math.abs(item.score) < CERTAIN * item.stderr;
}

function basis(item) {
  return item.exact === null ? "" : item.drawn ? "exact, drawn by lot" : item.exact ? "exact" : "estimate";
}

function describe(item, metric) {
  const lines = [item.name, `${withError(item.score, item.stderr)} ${metric}`];
  if (item.low !== null) lines.push(`95 %: ${plain(item.low)} to ${plain(item.high)}`);
  if (item.exact !== null)
    lines.push(
      `${basis(item)}${item.exact ? `; the estimate was ${plain(item.estimate)}` : item.doubt === null ? "" : `, doubt ${plain(item.doubt)}`}`,
    );
  if (item.measured !== null && !item.exact) lines.push(`verified: ${plain(item.measured)}`);
  if (item.place !== null) lines.push(`at position ${item.place}`);
  const sign = isUncertain(item) ? "; sign not certain" : "";
  lines.push(
    `${item.rank === null ? "no rank" : `rank ${item.rank.toLocaleString("en")}`}, ${item.kept ? "in the circuit" : "not in the circuit"}${sign}`,
  );
  return lines;
}

function matcher(query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return null;
  const parts = wanted.split("*");
  return (text) => {
    let at = 0;
    for (const part of parts) {
      const found = text.toLowerCase().indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return true;
  };
}

// What the filters let through, before the size is looked at.
function passes(item, state) {
  if (state.circuitOnly && !item.kept) return false;
  if (item.name !== item.node && !state.entries.has(entry(item))) return false;
  if (state.sign !== "all" && item.sign !== state.sign) return false;
  if (state.basis !== "all" && (item.exact === null || item.exact !== (state.basis === "exact"))) return false;
  if (state.certainty === "uncertain" && isUncertain(item) !== true) return false;
  return !(state.certainty === "certain" && isUncertain(item) !== false);
}

function shownItems(model, state) {
  return model.items.slice(0, state.size).filter((item) => passes(item, state));
}
