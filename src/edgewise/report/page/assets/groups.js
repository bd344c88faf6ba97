// Nodes drawn as one: supernodes made by hand, layers that are collapsed. Edges between two of them are summed.

const GROUPS_FORMAT = "edgewise-groups";

class Groups {
  constructor() {
    this.list = [];
  }

  of(name) {
    return this.list.find((group) => group.nodes.includes(name)) || null;
  }

  add(name, nodes) {
    const free = nodes.filter((node) => node !== "input" && node !== "logits");
    this.leave(free);
    if (free.length) this.list.push({ name, nodes: free });
  }

  leave(nodes) {
    for (const group of this.list) group.nodes = group.nodes.filter((node) => !nodes.includes(node));
    this.list = this.list.filter((group) => group.nodes.length);
  }

  remove(name) {
    this.list = this.list.filter((group) => group.name !== name);
  }

  toText(title) {
    const document = { format: GROUPS_FORMAT, format_version: 1, title, groups: this.list };
    return JSON.stringify(document, null, 2) + "\n";
  }

  // Throws an Error in plain words where the text is not such a file; nodes that the graph lacks are left out.
  read(text, known) {
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      throw new Error("not JSON");
    }
    const right = found && found.format === GROUPS_FORMAT && Array.isArray(found.groups);
    if (!right || !found.groups.every((one) => one && typeof one.name === "string" && Array.isArray(one.nodes))) {
      throw new Error("no groups saved by this page");
    }
    this.list = [];
    for (const group of found.groups)
      this.add(
        group.name,
        group.nodes.map(String).filter((node) => known.has(node)),
      );
  }
}

// What stands for a node: itself, its group, or its collapsed layer.
function standIn(name, state) {
  const group = state.groups.list.length ? state.groups.of(name) : null;
  if (group) return `group:${group.name}`;
  const { layer, kind } = parseNode(name);
  return kind !== "input" && kind !== "logits" && state.collapsed.has(layer) ? `layer:${layer}` : name;
}

// What is drawn of what is selected: a node's stand-in; a group or a layer stands for itself.
function drawnAs(selected, state) {
  return isMany(selected) ? selected : standIn(selected, state);
}

function isMany(name) {
  return /^(group|layer):/.test(name);
}

// Edges between what is drawn: one for each source, destination and q, k or v, with the sum of its scores.
function merged(edges, state) {
  const found = new Map();
  for (const edge of edges) {
    const [from, to] = [standIn(edge.source, state), standIn(edge.node, state)];
    if (from === to) continue;
    const letter = to.startsWith("layer:") ? "" : edge.letter;
    const key = `${from}->${to}<${letter}`;
    const one = found.get(key);
    if (!one) found.set(key, { key, from, to, letter, score: edge.score, edges: [edge] });
    else {
      one.edges.push(edge);
      one.score = (one.score || 0) + (edge.score || 0);
    }
  }
  return [...found.values()];
}
