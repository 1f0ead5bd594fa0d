/* Arrays, colours, numbers and small pieces of a page. A part of the player's module: player.js says how the parts come together. */

const VIRIDIS = "44015448186a472d7b4240863b528b33638d2c728e26828e21918c1fa08828ae803fbc735ec96284d44baddc30d8e219fde725";
const DIVERGING_LIGHT = "0530611752902a71b23f8ec06bacd19bc9e0c2ddece0ecf3f7f6f6fbe5d8fbccb4f5aa89e48066d05548ba2832930e2667001f";
const DIVERGING_DARK = "9eb0ff79abed519fd33685ad2868861d4b6114303e111a20190c092b0e014112015b1d087d341e9e513fbe6f63df8f89ffadad";
const NON_FINITE = 255; // the level that stands for NaN or infinity; 0 to 254 span the stated range
const MARGIN = { left: 54, right: 10 }; // of every picture whose horizontal axis is time, so that they line up
const TOP = 12; // room for the marks of moments above a line
const MAPS_TALL = 420, SMALLEST_MAP = 28; // pixels that a layer's maps take together if they can, and each at least
const COLUMN = 400; // pixels that a column of panels takes at least
const PLACES = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 2, 1], [0, 1, 2, 3]]; // by columns: where seen, done, inside and the course go
const SPEEDS = [1, 2, 5, 10, 20, 30, 60];
const SERIES_COLOURS = {
  light: { value: "#0072b2", reward: "#c25400", entropy: "#00805c", other: "#8a4f9e" },
  dark: { value: "#56b4e9", reward: "#f0a030", entropy: "#3ecf9f", other: "#d59be0" },
};
const MOMENT_WORDS = {
  value_drop: ["▼", "Worse than expected"],
  high_entropy: ["◆", "Least certain"],
  against_mode: ["✕", "Against the mode"],
};


const columnsFor = (width) => Math.max(1, Math.min(PLACES.length, Math.floor(width / COLUMN)));

function decodeArray(encoded) {
  const text = atob(encoded.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const kinds = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };
  const values = new kinds[encoded.dtype](bytes.buffer);
  const size = encoded.shape.slice(1).reduce((a, b) => a * b, 1);
  return { values, shape: encoded.shape, size, row: (t) => values.subarray(t * size, (t + 1) * size) };
}

function lookupTable(stops) {
  const table = new Uint32Array(256);
  const count = stops.length / 6 - 1;
  const channel = (index, c) => parseInt(stops.substr(index * 6 + c * 2, 2), 16);
  for (let level = 0; level < 255; level++) {
    const place = (level / 254) * count;
    const index = Math.min(Math.floor(place), count - 1);
    const mix = place - index;
    const rgb = [0, 1, 2].map((c) => Math.round(channel(index, c) * (1 - mix) + channel(index + 1, c) * mix));
    table[level] = (255 << 24) | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0];
  }
  table[NON_FINITE] = (255 << 24) | (255 << 16) | (0 << 8) | 255; // magenta, in no map
  return table;
}

const css = (packed) => `rgb(${packed & 255},${(packed >> 8) & 255},${(packed >> 16) & 255})`;

function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text;
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) text = value.toExponential(Math.max(digits - 2, 1));
  else text = Number.isInteger(value) ? String(value) : value.toFixed(Math.max(0, digits - 1 - Math.max(0, Math.floor(Math.log10(size || 1)))));
  return text.replaceAll("-", "−");
}

function make(tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

const ICONS = { // paths in a 20 × 20 box
  first: "M4 4h2.4v12H4z M16 4v12L7.4 10z", back: "M14 4v12L5.4 10z", play: "M5.5 3.5v13L16.5 10z",
  pause: "M5 4h3.6v12H5z M11.4 4H15v12h-3.6z", forward: "M6 4v12l8.6-6z", last: "M13.6 4H16v12h-2.4z M4 4v12l8.6-6z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", width: "16", height: "16", "aria-hidden": "true" })) svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.appendChild(path);
  return svg;
}

/* Labels of an axis: as many decimals as tell its ends apart. */
function ticks(values) {
  const span = Math.max(...values) - Math.min(...values);
  const decimals = span > 0 ? Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(span)))) : 2;
  return values.map((v) => {
    if (v !== 0 && (Math.abs(v) >= 1e5 || span < 1e-6)) return number(v);
    const text = values.every((x) => Number.isInteger(x)) ? String(v) : v.toFixed(decimals);
    return Number(text) === 0 ? "0" : text.replace("-", "−");
  });
}

function panel(parent, title, hint, className = "") {
  const section = make("section", `rlw-panel ${className}`, null, parent);
  const head = make("header", "rlw-head", null, section);
  make("h3", "", title, head);
  const note = make("span", "rlw-note", hint || "", head);
  return { section, head, note, body: make("div", "rlw-body", null, section) };
}

function fitCanvas(canvas, width, height) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function readTheme(root) {
  const style = getComputedStyle(root);
  const text = style.color;
  const probe = style.getPropertyValue("--rlw-background").trim() || "#ffffff";
  const swatch = readTheme.canvas || (readTheme.canvas = document.createElement("canvas"));
  swatch.width = swatch.height = 1;
  const context = swatch.getContext("2d", { willReadFrequently: true });
  context.fillStyle = probe;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  const dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
  return {
    key: `${probe}|${text}`, dark, text, background: probe,
    muted: dark ? "rgba(255,255,255,0.62)" : "rgba(0,0,0,0.6)",
    line: dark ? "rgba(255,255,255,0.16)" : "rgba(0,0,0,0.12)",
    series: dark ? SERIES_COLOURS.dark : SERIES_COLOURS.light,
    sequential: lookupTable(VIRIDIS),
    diverging: lookupTable(dark ? DIVERGING_DARK : DIVERGING_LIGHT),
    font: style.fontFamily || "sans-serif",
  };
}
