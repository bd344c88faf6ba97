// The circuit as a drawing: what is shown follows from the state alone.

const NEAR = 7; // pixels within which a pointer is on an edge
const SHOWN = Symbol("what an element shows");

class Graph {
  // app: has `state`, and is told what was asked for.
  constructor(container, model, app) {
    this.app = app;
    this.model = model;
    this.container = container;
    container.style.minHeight = `${tallEnough(model.run.shape.layers)}px`;
    this.place();
    const label = `Circuit of ${model.run.title}: nodes by layer, edges by score. Tab goes from node to node.`;
    this.svg = d3.select(container).append("svg").attr("class", "graph").attr("role", "group").attr("aria-label", label);
    this.scene = this.svg.append("g");
    for (const name of ["bands", "edges", "nodes", "ports"]) this[name] = this.scene.append("g").attr("class", name);
    this.zoom = d3.zoom().scaleExtent([0.1, 8]).on("zoom", (event) => {
      this.transform = event.transform;
      this.scene.attr("transform", event.transform);
      tip.hide();
    });
    this.transform = d3.zoomIdentity;
    // The wheel scrolls the page unless Ctrl or a pinch says that it zooms.
    this.zoom.filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey || event.altKey : !event.button));
    this.svg.call(this.zoom).on("dblclick.zoom", null);
    this.svg.on("pointermove", (event) => this.pointed(event)).on("pointerleave", () => this.unpointed());
    this.svg.on("click", (event) => this.clicked(event));
    this.fit();
  }

  place() {
    const { clientWidth: width, clientHeight: height } = this.container;
    this.layout = new Layout(this.model, width || 900, height || 640);
    this.curves = new Map();
  }

  relayout() {
    this.place();
    this.update();
  }

  fit() {
    const node = this.svg.node();
    const { width, height } = node.getBoundingClientRect();
    const { width: w, height: h } = this.layout;
    if (!width || !height) return;
    node.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = Math.min(width / (w + 24), height / (h + 16), 1.6);
    const shift = d3.zoomIdentity.translate((width - w * scale) / 2, (height - h * scale) / 2).scale(scale);
    this.svg.call(this.zoom.transform, shift);
  }

  boxOf(key) {
    const { layout } = this;
    if (key.startsWith("layer:")) return layout.layerBox(+key.slice(6));
    if (!key.startsWith("group:")) return layout.box(key);
    const group = this.app.state.groups.list.find((one) => `group:${one.name}` === key);
    const box = layout.between(group.nodes);
    return { ...box, width: Math.max(60, Math.min(160, group.name.length * 6.4 + 18)) };
  }

  // Drawn nodes: one for each stand-in of a node that is there.
  drawnNodes(links) {
    const { state } = this.app;
    const names = new Set(["input", "logits"]);
    const touched = new Set();
    for (const link of links) {
      touched.add(link.from).add(link.to);
      for (const edge of link.edges) names.add(edge.source).add(edge.node);
    }
    const every = this.model.ofEdges && state.hideIsolated ? [...names].map(parseNode) : this.model.names;
    const shown = this.model.ofEdges ? every : every.filter((node) => this.nodeShown(node.name));
    const found = new Map();
    for (const node of shown) {
      const key = standIn(node.name, state);
      if (!found.has(key)) found.set(key, { key, names: [], touched: touched.has(key), box: this.boxOf(key) });
      found.get(key).names.push(node.name);
    }
    // Shared keys and values stand with the heads that read them.
    return [...found.values()];
  }

  nodeShown(name) {
    return name === "logits" || !this.app.state.hideIsolated || this.items.some((item) => item.name === name);
  }

  // Of a run that scored nodes, the edges between those shown that touch the one selected.
  structure() {
    const { selected } = this.app.state;
    if (!selected || parseNode(selected).kind === "other") return [];
    const shown = this.model.names.filter((node) => this.nodeShown(node.name));
    const pairs = shown.filter((node) => node.name !== selected).map((node) => this.ordered(node, parseNode(selected)));
    return pairs.filter(Boolean).map(([source, node]) => ({ source, node, target: node, letter: "", score: null, name: `${source}->${node}` }));
  }

  ordered(a, b) {
    const rank = (node) => node.layer + (node.kind === "mlp" && !this.model.run.shape.parallel ? 0.5 : 0);
    if (rank(a) === rank(b)) return null;
    return rank(a) < rank(b) ? [a.name, b.name] : [b.name, a.name];
  }

  update() {
    const { model } = this;
    const { state } = this.app;
    this.items = shownItems(model, state);
    const edges = model.ofEdges ? this.items : this.structure();
    const links = merged(edges, state);
    const nodes = this.drawnNodes(links);
    this.boxes = new Map(nodes.map((node) => [node.key, node.box]));
    for (const link of links) {
      for (const key of [link.from, link.to]) if (!this.boxes.has(key)) this.boxes.set(key, this.boxOf(key));
      this.bend(link);
    }
    this.links = this.focused(links);
    this.drawBands();
    this.drawEdges();
    this.drawPorts();
    this.drawNodes(nodes);
  }

  // A link's curve; that of an edge between two nodes is the same until the layout is another.
  bend(link) {
    const known = this.curves.get(link.key);
    if (known) Object.assign(link, known);
    else {
      link.curve = curveOf(this.boxes.get(link.from), this.boxes.get(link.to), link.letter, this.layout);
      link.path = pathOf(link.curve);
      if (!/(^|>)group:/.test(link.key)) this.curves.set(link.key, { curve: link.curve, path: link.path });
    }
  }

  // With a node selected only what feeds it and what it feeds; with an edge, only that.
  focused(links) {
    const { selected } = this.app.state;
    if (!selected) return links;
    if (selected.includes("->")) return links.filter((link) => link.edges.some((edge) => edge.name === selected));
    const own = standIn(selected, this.app.state);
    const read = new Set(this.model.reads(selected).map((name) => standIn(name, this.app.state)));
    return links.filter((link) => link.from === own || link.to === own || read.has(link.to));
  }

  drawBands() {
    const { layout } = this;
    const { collapsed } = this.app.state;
    const layers = Array.from({ length: layout.layers }, (_, layer) => layer);
    const band = this.bands.selectAll("g").data(layers).join((enter) => {
      const group = enter.append("g");
      group.append("rect");
      group.append("text").attr("tabindex", 0).attr("role", "button");
      return group;
    });
    const top = (layer) => layout.layerY(layer) - layout.row * 0.62;
    band.select("rect").attr("x", 0).attr("width", layout.width).attr("height", layout.row).attr("y", top)
      .attr("class", (layer) => (layer % 2 ? "band odd" : "band"));
    band.select("text").attr("x", 8).attr("y", (layer) => layout.layerY(layer) + 4)
      .attr("aria-label", (layer) => `${collapsed.has(layer) ? "expand" : "collapse"} layer ${layer}`)
      .text((layer) => `${collapsed.has(layer) ? "▸" : "▾"} layer ${layer}`)
      .on("click", (event, layer) => {
        event.stopPropagation();
        this.app.toggleLayer(layer);
      })
      .on("keydown", (event, layer) => {
        if (event.key === "Enter" || event.key === " ") this.app.toggleLayer(layer);
      });
  }

  drawEdges() {
    const { largest } = this.model;
    const found = matcher(this.app.state.query);
    const kind = (link) => {
      const first = link.edges[0];
      const estimated = link.edges.every((edge) => edge.exact === false);
      const unsure = link.edges.length === 1 && first.score !== undefined && isUncertain(first) === true;
      const hit = found && link.edges.some((edge) => found(edge.name));
      return `edge ${this.model.signOf(link.score)}${estimated ? " estimate" : ""}${unsure ? " unsure" : ""}${found ? (hit ? " found" : " dim") : ""}`;
    };
    const size = (link) => 0.7 + 5 * Math.sqrt(Math.min(1, Math.abs(link.score || 0) / largest));
    // Set only where it differs: a browser looks anew at whatever is set.
    const set = function (link) {
      const looks = { class: kind(link), "stroke-width": size(link).toFixed(1), d: link.path };
      for (const [name, value] of Object.entries(looks)) {
        if (this[SHOWN]?.[name] !== value) this.setAttribute(name, value);
      }
      this[SHOWN] = looks;
    };
    this.edges.selectAll("path").data(this.links, (link) => link.key).join("path").each(set);
  }

  // Where edges enter a head: q, k and v, each with its letter.
  drawPorts() {
    const found = new Map();
    for (const link of this.links) {
      if (link.letter) found.set(`${link.to}<${link.letter}`, link);
    }
    const at = (link) => {
      const box = this.boxes.get(link.to);
      return `translate(${portX(box, link.letter)},${box.y + box.height / 2})`;
    };
    const port = this.ports.selectAll("g").data([...found], ([key]) => key).join((enter) => {
      const group = enter.append("g");
      group.append("circle").attr("r", this.layout.row < 40 ? 3 : 4);
      group.append("text").attr("y", 2);
      return group;
    });
    port.attr("transform", ([, link]) => at(link)).attr("class", ([, link]) => `port ${link.letter}`);
    port.select("text").text(([, link]) => link.letter);
  }

  drawNodes(nodes) {
    const { state } = this.app;
    const found = matcher(state.query);
    const near = new Set(this.links.flatMap((link) => [link.from, link.to]));
    const own = state.selected ? standIn(state.selected, state) : null;
    const classes = [...new Set(Object.values(this.model.run.classes))];
    const look = (node) => {
      const kind = node.key.startsWith("group:") ? "group" : node.key.startsWith("layer:") ? "layer" : parseNode(node.key).kind;
      const words = ["node", kind];
      if (node.key === own) words.push("selected");
      else if (state.selected && !near.has(node.key)) words.push("dim");
      if (found) words.push(node.names.some(found) ? "found" : "dim");
      if (node.names.some((name) => state.marked.has(name))) words.push("marked");
      if (!node.touched && this.model.ofEdges) words.push("isolated");
      const place = node.names.length === 1 ? classes.indexOf(this.model.classOf(node.key)) : -1;
      if (place >= 0) words.push(`class-${place % 8}`);
      return words.join(" ");
    };
    const label = (node) => {
      if (node.key.startsWith("group:")) return node.key.slice(6);
      if (node.key.startsWith("layer:")) return `layer ${node.key.slice(6)} · ${node.names.length}`;
      return node.key;
    };
    const item = this.nodes.selectAll("g").data(nodes, (node) => node.key).join((enter) => {
      const group = enter.append("g").attr("tabindex", 0).attr("role", "button");
      group.append("rect").attr("rx", 4);
      group.append("text");
      return group;
    });
    item.attr("class", look).attr("data-node", (node) => node.key)
      .attr("transform", (node) => `translate(${node.box.x},${node.box.y})`)
      .attr("aria-label", (node) => `node ${label(node)}`)
      .on("click", (event, node) => {
        event.stopPropagation();
        this.act(event, node);
      })
      .on("keydown", (event, node) => {
        if (event.key === "Enter") this.act(event, node);
      })
      .on("pointerenter", (event, node) => tip.show(event, ...this.about(node)))
      .on("pointerleave", () => tip.hide());
    item.select("rect").attr("width", (node) => node.box.width).attr("height", (node) => node.box.height)
      .attr("x", (node) => -node.box.width / 2).attr("y", (node) => -node.box.height / 2)
      .attr("fill-opacity", (node) => this.tint(node));
    item.select("text").attr("y", (node) => node.box.height * 0.2 + 0.1)
      .attr("font-size", (node) => Math.min(10, node.box.height * 0.72).toFixed(1)).text(label);
    if (!this.model.ofEdges) item.classed("helps", (node) => this.toned(node) === "helps").classed("harms", (node) => this.toned(node) === "harms");
  }

  // Of a run that scored nodes, a node's score as a share of the largest.
  sign(node) {
    const item = this.model.ofEdges ? null : this.model.byName.get(node.key);
    return item && item.score !== null ? item.score / this.model.largest : 0;
  }

  toned(node) {
    return this.model.signOf(this.sign(node));
  }

  tint(node) {
    return this.model.ofEdges || !this.sign(node) ? null : (0.12 + 0.75 * Math.sqrt(Math.abs(this.sign(node)))).toFixed(2);
  }

  about(node) {
    if (node.names.length > 1) return [node.key.replace(/^(group|layer):/, "$1 "), node.names.join(", ")];
    const name = node.names[0];
    const known = this.model.classOf(name);
    const item = this.model.ofEdges ? null : this.model.byName.get(name);
    if (item) return describe(item, this.model.run.metric);
    const [into, out] = [this.model.incoming(this.items, name).length, this.model.outgoing(this.items, name).length];
    return [known ? `${name}: ${known}` : name, `${count(into, "edge")} in, ${count(out, "edge")} out`];
  }

  act(event, node) {
    if (event.shiftKey) this.app.mark(node.names);
    else this.app.select(node.names[0], this.model);
  }

  // The edge nearest to a pointer, if any is near.
  nearest(event) {
    const [x, y] = d3.pointer(event, this.scene.node());
    const reach = NEAR / this.transform.k;
    let best = null;
    let least = reach * reach;
    for (const link of this.links || []) {
      link.points = link.points || sampled(link.curve);
      const found = distance(link.points, x, y);
      if (found < least) [best, least] = [link, found];
    }
    return best;
  }

  pointed(event) {
    if (event.buttons || (event.target.closest && event.target.closest(".node"))) return;
    const link = this.nearest(event);
    this.hover(link);
    if (link) tip.show(event, ...this.aboutLink(link));
    else tip.hide();
  }

  hover(link) {
    if (this.hovered === link) return;
    this.hovered = link;
    this.edges.selectAll("path").classed("hover", (one) => one === link);
  }

  unpointed() {
    this.hover(null);
    tip.hide();
  }

  aboutLink(link) {
    const { metric } = this.model.run;
    if (link.edges.length > 1) {
      const best = [...link.edges].sort(strongest);
      const more = best.length > 6 ? [`and ${best.length - 6} more`] : [];
      return [`${best.length} edges, sum ${plain(link.score)} ${metric}`, ...best.slice(0, 6).map((edge) => `${edge.name}  ${plain(edge.score)}`), ...more];
    }
    return link.edges[0].rank === undefined ? [link.edges[0].name] : describe(link.edges[0], metric);
  }

  clicked(event) {
    const link = this.nearest(event);
    if (link && link.edges.length === 1 && this.model.ofEdges) this.app.select(link.edges[0].name, this.model);
    else if (!link) this.app.select(null, this.model);
  }

  // The drawn node that lies next to one in a direction, for the arrow keys.
  neighbour(name, dx, dy) {
    const own = this.boxes.get(standIn(name, this.app.state));
    if (!own) return null;
    let best = null;
    let least = Infinity;
    for (const [key, box] of this.boxes) {
      if (/^(group|layer):/.test(key) || key === name) continue;
      const [x, y] = [box.x - own.x, box.y - own.y];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (along > 4 && along + 2.5 * aside < least) [best, least] = [key, along + 2.5 * aside];
    }
    return best;
  }
}
