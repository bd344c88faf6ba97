// Elements, and numbers as texts. Every text of the document becomes a text node: none is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function replace(node, ...children) {
  node.replaceChildren();
  return fill(node, {}, children);
}

function button(text, act, attributes) {
  return el("button", { type: "button", onclick: act, ...attributes }, text);
}

// Four digits after the point, of large numbers six that count, or four that count where that would hide a small one.
function plain(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const text =
    size >= 1e6 || (value !== 0 && size < 0.01)
      ? value.toExponential(3)
      : size >= 100
        ? value.toPrecision(6)
        : value.toFixed(4);
  return text.replace("-", "−");
}

function withError(value, stderr) {
  return stderr === null || stderr === undefined ? plain(value) : `${plain(value)} ± ${plain(stderr)}`;
}

function count(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

const SIGNS = { " ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍" };

// A token with its spaces and ends of lines to be seen; an empty one as such.
function seen(token) {
  return token.replace(/[ \n\t\r]/g, (sign) => SIGNS[sign]) || "∅";
}

function download(name, type, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// One tip for the whole page, beside the pointer.
const tip = {
  node: el("div", { class: "tip", role: "status", hidden: true }),
  show(event, ...lines) {
    replace(
      this.node,
      lines.map((line) => el("div", {}, line)),
    );
    this.node.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.node;
    const left = Math.min(event.clientX + 14, window.innerWidth - width - 8);
    const top = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18;
    this.node.style.left = `${Math.max(4, left)}px`;
    this.node.style.top = `${Math.max(4, top)}px`;
  },
  hide() {
    this.node.hidden = true;
  },
};

function tipped(node, ...lines) {
  node.addEventListener("pointermove", (event) => tip.show(event, ...lines));
  node.addEventListener("pointerleave", () => tip.hide());
  return node;
}

// Dark or light, as the reader chose; a page from a file may not be allowed to remember.

function keepTheme() {
  try {
    const theme = localStorage.getItem("edgewise-theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    /* not allowed */
  }
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("edgewise-theme", root.dataset.theme);
  } catch {
    /* not allowed */
  }
}
