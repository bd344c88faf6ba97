#!/usr/bin/env bash
# Bundles the parts of d3 that a page uses, from npm, minified, with their licences, into one file among the page's assets.
set -euo pipefail
assets="$(cd "$(dirname "$0")/../src/edgewise/report/page/assets" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes > /dev/null
npm install --no-audit --no-fund --silent d3-axis@3.0.1 d3-scale@4.0.3 d3-selection@3.0.1 d3-zoom@3.0.1 esbuild@0.28.2
cat > entry.js << 'JS'
export { axisBottom, axisLeft } from "d3-axis";
export { scaleLinear, scaleLog, scaleSymlog } from "d3-scale";
export { pointer, select } from "d3-selection";
export { zoom, zoomIdentity } from "d3-zoom";
JS
npx esbuild entry.js --bundle --minify --format=iife --global-name=d3 --outfile=bundle.js --log-level=error --metafile=meta.json
# A licence for each distinct text, under the packages that it is of.
node - << 'JS' > d3.LICENSE
const fs = require("fs");
const used = Object.keys(JSON.parse(fs.readFileSync("meta.json")).inputs);
const packages = [...new Set(used.map((path) => path.match(/^node_modules\/([^/]+)\//)?.[1]).filter(Boolean))].sort();
const texts = new Map();
for (const name of packages) {
  const version = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version;
  const text = fs.readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  texts.set(text, [...(texts.get(text) || []), `${name} ${version}`]);
}
console.log([...texts].map(([text, names]) => `${names.join(", ")}\n\n${text}`).join("\n\n"));
JS
{ echo "/*!"; cat d3.LICENSE; echo "*/"; cat bundle.js; } > "$assets/d3.min.js"
cp d3.LICENSE "$assets/d3.LICENSE"
