/* The episode player: one self-contained ES module without dependencies.
 *
 * It is used in two places:
 *   - Streamlit: `st.components.v2.component(..., html='<div class="rlw-player"></div>', css=<player.css>, js=<this file>)`;
 *     the default export below is what Streamlit calls, again and again, with `data = {payload, seek: {step, token}}`.
 *   - a static page: player.css in a style element, an empty div, and a script element of type "module" that holds this
 *     file followed by mountPlayer(document.getElementById("player"), payload). It needs no network and works from file://.
 *     (Write every "<" inside an embedded payload as \u003c, as for any JSON inside a script element.)
 *     `mountPlayer` is also put on `globalThis`.
 *
 * mountPlayer(root, payload, {onStep, seek}) -> {seek(step), update(payload, onStep), play(), pause(), destroy(), position()}
 *     payload   what `workbench.figures.player.payload.episode_payload` builds: JSON, arrays as {dtype, shape, data: base64}
 *     onStep    called with the step of the episode shortly after the player comes to rest, and with a step outside the
 *               payload's window when the reader asks for one; leave it out where nobody can answer
 *     seek      the step of the episode to start at
 * While it shows step t, `root.dataset.step` is t and `root.dataset.playing` is "true" or "false".
 *
 * Recordings come from strangers: every text enters the page through textContent, and only data:image URLs become images.
 */

const VIRIDIS = "44015448186a472d7b4240863b528b33638d2c728e26828e21918c1fa08828ae803fbc735ec96284d44baddc30d8e219fde725";
const DIVERGING_LIGHT = "0530611752902a71b23f8ec06bacd19bc9e0c2ddece0ecf3f7f6f6fbe5d8fbccb4f5aa89e48066d05548ba2832930e2667001f";
const DIVERGING_DARK = "9eb0ff79abed519fd33685ad2868861d4b6114303e111a20190c092b0e014112015b1d087d341e9e513fbe6f63df8f89ffadad";
const NON_FINITE = 255; // the level that stands for NaN or infinity; 0 to 254 span the stated range
const MARGIN = { left: 54, right: 10 }; // of every picture whose horizontal axis is time, so that they line up
const TOP = 12; // room for the marks of moments above a line
const SPEEDS = [1, 2, 5, 10, 15, 30, 60];
const SERIES_COLOURS = {
  light: { value: "#0072b2", reward: "#c25400", entropy: "#00805c", other: "#8a4f9e" },
  dark: { value: "#56b4e9", reward: "#f0a030", entropy: "#3ecf9f", other: "#d59be0" },
};
const MOMENT_WORDS = {
  value_drop: ["▼", "Worse than expected"],
  high_entropy: ["◆", "Least certain"],
  against_mode: ["✕", "Against the mode"],
};

/* ---------------------------------------------------------------- small pieces */

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
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) text = value.toExponential(Math.max(digits - 2, 1));
  else text = Number.isInteger(value) ? String(value) : value.toFixed(Math.max(0, digits - 1 - Math.max(0, Math.floor(Math.log10(size || 1)))));
  return text.replace("-", "−");
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

/* ---------------------------------------------------------------- panels
 * Each takes (parent, data, context) and gives {draw(t), redraw()}: draw moves to row t of the window (null: after the
 * last action), redraw starts afresh after a change of size or theme. `context` has theme(), length, start, seek(step). */

function framePanel(parent, payload) {
  const frames = payload.frames;
  const box = panel(parent, "What it saw", frames.label, "rlw-frame");
  const image = make("img", "", null, make("div", "rlw-picture", null, box.body));
  image.alt = "The environment's picture at this step";
  if (frames.width <= 160) image.classList.add("rlw-pixelated");
  image.style.aspectRatio = `${frames.width} / ${frames.height}`;
  const urls = frames.urls;
  return { draw(t, position) {
    const url = urls[Math.min(position, urls.length - 1)];
    if (url && url.startsWith("data:image/") && image.src !== url) image.src = url;
  } };
}

function vectorRows(parent, vector) {
  const values = decodeArray(vector.array);
  const table = make("div", "rlw-rows", null, parent);
  const rows = vector.names.map((name, index) => {
    const row = make("div", "rlw-row", null, table);
    const label = make("span", "rlw-label", name, row);
    label.title = name;
    const track = make("span", "rlw-track", null, row);
    const bar = make("span", "rlw-bar", null, track);
    const figure = make("span", "rlw-figure", "", row);
    const low = Math.min(0, vector.low[index]), high = Math.max(0, vector.high[index]);
    const span = high - low || 1;
    track.title = `bar from 0; scale ${number(low)} to ${number(high)}, the range over this window`;
    if (low < 0 && high > 0) make("span", "rlw-zero", null, track).style.left = `${(-low / span) * 100}%`;
    return { bar, figure, low, span };
  });
  return { draw(t, position) {
    const row = values.row(Math.min(position, values.shape[0] - 1));
    rows.forEach(({ bar, figure, low, span }, index) => {
      const value = row[index];
      const from = (Math.min(0, value) - low) / span, to = (Math.max(0, value) - low) / span;
      bar.style.left = `${Math.max(0, from) * 100}%`;
      bar.style.width = `${Math.max(0.4, (Math.min(1, to) - Math.max(0, from)) * 100)}%`;
      figure.textContent = number(value);
    });
  } };
}

function observationPanels(place, payload, context) {
  return payload.observations.map((observation) => {
    const parent = place();
    const title = observation.name ? `Observation: ${observation.name}` : "Observation";
    if (observation.kind === "image") {
      const box = panel(parent, title, observation.label, "rlw-frame");
      const image = make("img", "rlw-pixelated", null, make("div", "rlw-picture", null, box.body));
      image.alt = "The observation at this step";
      image.style.aspectRatio = `${observation.width} / ${observation.height}`;
      return { draw(t, position) {
        const url = observation.urls[Math.min(position, observation.urls.length - 1)];
        if (url && url.startsWith("data:image/") && image.src !== url) image.src = url;
      } };
    }
    const box = panel(parent, title, observation.label);
    if (observation.kind === "cells") return vectorPanel(box, observation, context, true);
    return vectorRows(box.body, observation);
  });
}

function actionPanel(parent, payload) {
  const actions = payload.actions;
  const box = panel(parent, "What it did", actions.label);
  const chosen = actions.chosen ? decodeArray(actions.chosen) : null;
  const distribution = actions.distribution;
  const ended = make("p", "rlw-ended", "", box.body);
  const content = make("div", "", null, box.body);
  const updates = [];
  if (distribution.kind === "interval") {
    const [centre, lower, upper] = [distribution.centre, distribution.lower, distribution.upper].map((a) => a && decodeArray(a));
    actions.names.forEach((name, d) => {
      const low = actions.low[d], span = actions.high[d] - low || 1;
      const block = make("div", "rlw-axis", null, content);
      const head = make("div", "rlw-axis-head", null, block);
      make("span", "rlw-label", name, head).title = name;
      const figure = make("span", "rlw-figure", "", head);
      const track = make("div", "rlw-interval", null, block);
      const band = make("span", "rlw-band", null, track);
      const middle = make("span", "rlw-centre", null, track);
      const mark = make("span", "rlw-taken", null, track);
      const ends = make("div", "rlw-ends", null, block);
      make("span", "", number(low), ends);
      make("span", "", number(low + span), ends);
      const place = (value) => Math.min(100, Math.max(0, ((value - low) / span) * 100));
      updates.push((t) => {
        const value = chosen.row(t)[d];
        mark.style.left = `${place(value)}%`;
        let text = `took ${number(value)}`;
        if (centre) { middle.style.left = `${place(centre.row(t)[d])}%`; text += ` · centre ${number(centre.row(t)[d])}`; }
        else middle.style.display = "none";
        if (lower) {
          const from = place(lower.row(t)[d]);
          band.style.left = `${from}%`;
          band.style.width = `${Math.max(0.5, place(upper.row(t)[d]) - from)}%`;
        } else band.style.display = "none";
        figure.textContent = text;
      });
    });
  } else {
    const scores = distribution.array ? decodeArray(distribution.array) : null;
    const isProbability = distribution.kind !== "q_values";
    let offset = 0;
    actions.components.forEach((component, c) => {
      if (component.name) make("h4", "", component.name, content);
      const list = make("div", component.names.length > 14 ? "rlw-rows rlw-scroll" : "rlw-rows", null, content);
      const start = offset;
      offset += component.options;
      component.names.forEach((name, index) => {
        const row = make("div", "rlw-row rlw-action", null, list);
        make("span", "rlw-label", name, row).title = name;
        const track = make("span", "rlw-track", null, row);
        const bar = make("span", "rlw-bar", null, track);
        const figure = make("span", "rlw-figure", "", row);
        const tag = make("span", "rlw-tag", "", row);
        updates.push((t) => {
          const taken = chosen ? (distribution.kind === "bernoulli" ? chosen.row(t)[start + index] === 1 : chosen.row(t)[c] === index) : false;
          row.classList.toggle("rlw-chosen", taken);
          tag.textContent = taken ? "taken" : "";
          if (!scores) { track.style.visibility = "hidden"; return; }
          const value = scores.row(t)[start + index];
          const share = isProbability ? value : (value - distribution.low) / (distribution.high - distribution.low || 1);
          bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
          figure.textContent = isProbability ? (value > 0 && value < 0.001 ? "<0.1 %" : `${(value * 100).toFixed(1)} %`) : number(value, 4);
        });
      });
    });
  }
  return { draw(t) {
    ended.textContent = t === null ? payload.episode.ending : "";
    content.style.visibility = t === null ? "hidden" : "visible";
    if (t !== null) for (const update of updates) update(t);
  } };
}

function readoutPanel(parent, payload) {
  const box = make("div", "rlw-readouts", null, parent);
  const cells = payload.readouts.map((readout) => {
    const cell = make("div", "rlw-readout", null, box);
    make("span", "rlw-readout-name", readout.label, cell);
    const line = make("span", "", null, cell);
    const figure = make("strong", "", "–", line);
    make("span", "rlw-unit", readout.unit ? ` ${readout.unit}` : "", line);
    cell.title = readout.hint || "";
    return { figure, values: decodeArray(readout.array) };
  });
  return { draw(t) { for (const { figure, values } of cells) figure.textContent = t === null ? "–" : number(values.values[t], 4); } };
}

function timelinePanel(parent, payload, context) {
  const box = panel(parent, "Over the episode", payload.timeline.label, "rlw-wide");
  const charts = payload.timeline.series.map((series) => {
    const row = make("div", "rlw-chart", null, box.body);
    const head = make("div", "rlw-chart-head", null, row);
    const name = make("span", "", null, head);
    make("strong", "", series.label, name);
    make("span", "rlw-unit", ` ${series.unit}`, name);
    const figure = make("span", "rlw-figure", "", head);
    const canvas = make("canvas", "rlw-seekable", null, row);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${series.label} over the episode`);
    const low = decodeArray(series.low).values, high = decodeArray(series.high).values;
    const exact = decodeArray(series.array).values;
    return { series, canvas, figure, low, high, exact, still: document.createElement("canvas") };
  });
  const total = Math.max(1, payload.episode.length - 1);
  const margin = MARGIN;
  const height = 80;
  const seek = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - bounds.left - margin.left) / (bounds.width - margin.left - margin.right);
    context.seek(Math.round(Math.min(1, Math.max(0, share)) * total));
  };
  for (const { canvas } of charts) {
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); seek(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  }
  const plot = (chart, width, last) => {
    const theme = context.theme();
    const bottom = last ? 18 : 5;
    const g = fitCanvas(chart.still, width, height + (last ? 13 : 0));
    g.clearRect(0, 0, width, height + 20);
    const inner = width - margin.left - margin.right, tall = height + (last ? 13 : 0) - bottom - TOP;
    let low = Infinity, high = -Infinity;
    for (const v of chart.low) if (Number.isFinite(v) && v < low) low = v;
    for (const v of chart.high) if (Number.isFinite(v) && v > high) high = v;
    if (low > high) { low = 0; high = 1; }
    if (low === high) { low -= 0.5 * (Math.abs(low) || 1); high += 0.5 * (Math.abs(high) || 1); }
    if (low > 0 && low < 0.3 * high) low = 0;
    const x = (share) => margin.left + share * inner, y = (v) => TOP + (1 - (v - low) / (high - low)) * tall;
    if (payload.window.start > 0 || payload.window.stop < payload.episode.length) {
      g.fillStyle = theme.dark ? "rgba(255,255,255,0.06)" : "rgba(0,0,0,0.045)";
      const from = x(payload.window.start / total);
      g.fillRect(from, 0, x(Math.min(1, payload.window.stop / total)) - from, tall + TOP);
    }
    g.font = `11px ${theme.font}`;
    g.textAlign = "right";
    g.strokeStyle = theme.line;
    const marks = low < 0 && high > 0 && Math.min(-low, high) > 0.25 * (high - low) ? [low, 0, high] : [low, high];
    const texts = ticks(marks);
    for (const v of marks) {
      g.fillStyle = theme.muted;
      g.textBaseline = v === high ? "top" : v === low ? "bottom" : "middle";
      g.fillText(texts[marks.indexOf(v)], margin.left - 8, y(v) + (v === high ? -4 : v === low ? 3 : 0));
      g.beginPath(); g.moveTo(margin.left, y(v)); g.lineTo(width - margin.right, y(v)); g.stroke();
    }
    const colour = theme.series[chart.series.key] || theme.series.other;
    const count = chart.low.length;
    g.strokeStyle = colour; g.fillStyle = colour; g.lineWidth = 1.6; g.lineJoin = "round";
    if (payload.timeline.steps_per_bin > 1) {
      g.globalAlpha = 0.75;
      for (let i = 0; i < count; i++) {
        if (!Number.isFinite(chart.low[i])) continue;
        const top = y(chart.high[i]);
        g.fillRect(x(i / Math.max(1, count - 1)), top, Math.max(1.2, inner / count), Math.max(1.2, y(chart.low[i]) - top));
      }
      g.globalAlpha = 1;
    } else {
      g.beginPath();
      let drawing = false;
      for (let i = 0; i < count; i++) {
        if (!Number.isFinite(chart.low[i])) { drawing = false; continue; }
        const px = x(i / total), py = y(chart.low[i]);
        if (drawing) g.lineTo(px, py); else g.moveTo(px, py);
        drawing = true;
      }
      g.stroke();
      if (count === 1) { g.beginPath(); g.arc(x(0), y(chart.low[0]), 3, 0, 7); g.fill(); }
    }
    g.textAlign = "center"; g.textBaseline = "alphabetic";
    g.fillStyle = theme.text;
    const glyphs = { value: "value_drop", entropy: "high_entropy", reward: "against_mode" };
    for (const moment of payload.moments) {
      if (moment.kind !== glyphs[chart.series.key]) continue;
      g.font = `10px ${theme.font}`;
      g.fillText(MOMENT_WORDS[moment.kind][0], x(moment.step / total), 9);
    }
    if (last) {
      g.font = `11px ${theme.font}`;
      g.fillStyle = theme.muted;
      g.textBaseline = "bottom";
      const bottomLine = height + 13;
      g.textAlign = "left"; g.fillText("step 0", x(0), bottomLine);
      g.textAlign = "right"; g.fillText(`step ${payload.episode.length - 1}`, x(1), bottomLine);
    }
  };
  let width = 0;
  return {
    redraw() {
      width = Math.max(200, box.body.clientWidth);
      charts.forEach((chart, index) => plot(chart, width, index === charts.length - 1));
    },
    draw(t, position) {
      if (!width) this.redraw();
      const theme = context.theme();
      const step = payload.window.start + position;
      charts.forEach((chart, index) => {
        const tall = height + (index === charts.length - 1 ? 13 : 0);
        const g = fitCanvas(chart.canvas, width, tall);
        g.clearRect(0, 0, width, tall);
        g.drawImage(chart.still, 0, 0, width, tall);
        const px = margin.left + (Math.min(step, total) / total) * (width - margin.left - margin.right);
        g.strokeStyle = theme.text; g.lineWidth = 1;
        g.beginPath(); g.moveTo(px, 0); g.lineTo(px, height - 5); g.stroke();
        chart.figure.textContent = t === null ? "–" : `${number(chart.exact[t], 4)} at step ${step}`;
      });
    },
  };
}

function legend(box, data, context) {
  const scale = make("span", "rlw-scale", null, box.head);
  make("span", "", number(data.low), scale);
  const canvas = make("canvas", "", null, scale);
  make("span", "", number(data.high), scale);
  const unit = make("span", "rlw-unit", data.unit ? ` ${data.unit}` : "", scale);
  if (data.non_finite) unit.textContent += ` · magenta: ${data.non_finite} not finite`;
  return () => {
    const g = fitCanvas(canvas, 96, 10), theme = context.theme();
    const table = data.low < 0 ? theme.diverging : theme.sequential;
    for (let i = 0; i < 96; i++) { g.fillStyle = css(table[Math.round((i / 95) * 254)]); g.fillRect(i, 0, 1.5, 10); }
  };
}

function paint(buffer, levels, table, width, height) {
  if (buffer.width !== width || buffer.height !== height) { buffer.width = width; buffer.height = height; }
  const g = buffer.getContext("2d");
  const pixels = g.createImageData(width, height);
  const packed = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < levels.length; i++) packed[i] = table[levels[i]];
  g.putImageData(pixels, 0, 0);
  return buffer;
}

function mapsPanel(box, data, context) {
  const array = decodeArray(data.array);
  const [count, rows, columns] = array.shape.slice(1);
  const canvas = make("canvas", "", null, box.body);
  const hover = make("p", "rlw-hint", "Point at a map for its unit and value.", box.body);
  const drawLegend = legend(box, data, context);
  const buffer = document.createElement("canvas");
  let grid = null, shown = 0;
  const layout = () => {
    const width = Math.max(200, box.body.clientWidth), gap = 6;
    let cell = Math.min(132, Math.max(44, Math.floor(Math.sqrt((width * 330) / count)) - gap));
    const across = Math.max(1, Math.min(count, Math.floor((width + gap) / (cell + gap))));
    const tall = Math.max(12, (cell * rows) / columns) + 13;
    grid = { across, cell, tall, gap, width, height: Math.ceil(count / across) * (tall + gap) };
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!grid) return;
    const bounds = canvas.getBoundingClientRect();
    const px = event.clientX - bounds.left, py = event.clientY - bounds.top;
    const c = Math.floor(px / (grid.cell + grid.gap)), r = Math.floor(py / (grid.tall + grid.gap));
    const index = r * grid.across + c;
    const column = Math.floor(((px - c * (grid.cell + grid.gap)) / grid.cell) * columns);
    const row = Math.floor(((py - r * (grid.tall + grid.gap)) / (grid.tall - 13)) * rows);
    if (c >= grid.across || index >= count || column >= columns || row >= rows) return;
    const level = array.row(shown)[(index * rows + row) * columns + column];
    const value = level === NON_FINITE ? "not finite" : `≈ ${number(data.low + (level / 254) * (data.high - data.low))}`;
    hover.textContent = `unit ${data.units[index]}, row ${row}, column ${column}: ${value}`;
  });
  return {
    redraw() { layout(); drawLegend(); },
    draw(t) {
      if (!grid) this.redraw();
      const theme = context.theme();
      const g = fitCanvas(canvas, grid.width, grid.height);
      g.clearRect(0, 0, grid.width, grid.height);
      if (t === null) return;
      shown = t;
      const table = data.low < 0 ? theme.diverging : theme.sequential;
      const levels = array.row(t), size = rows * columns;
      paint(buffer, levels, table, columns, rows * count);
      g.imageSmoothingEnabled = false;
      g.font = `10px ${theme.font}`;
      g.textBaseline = "bottom";
      g.fillStyle = theme.muted;
      for (let i = 0; i < count; i++) {
        const x = (i % grid.across) * (grid.cell + grid.gap), y = Math.floor(i / grid.across) * (grid.tall + grid.gap);
        g.drawImage(buffer, 0, i * rows, columns, rows, x, y, grid.cell, grid.tall - 13);
        g.fillText(String(data.units[i]), x, y + grid.tall + 1);
      }
    },
  };
}

function vectorPanel(box, data, context, compact = false) {
  const array = decodeArray(data.array);
  const count = array.size, length = array.shape[0];
  const bars = count <= 64;
  const canvas = make("canvas", "", null, box.body);
  const hover = make("p", "rlw-hint", bars ? "One bar a unit. Point at one for its value." : "One cell a unit, row by row. Point at one for its value.", box.body);
  let raster = null, rasterStill = null;
  if (!compact && length > 1) {
    make("p", "rlw-caption", `Every unit over the window: one row a unit, time to the right. Click to go to a step.`, box.body);
    raster = make("canvas", "rlw-seekable", null, box.body);
    rasterStill = document.createElement("canvas");
    const seek = (event) => {
      const bounds = raster.getBoundingClientRect();
      context.seek(context.start + Math.floor(Math.min(0.9999, Math.max(0, (event.clientX - bounds.left - MARGIN.left) / (bounds.width - MARGIN.left - MARGIN.right))) * length));
    };
    raster.addEventListener("pointerdown", (event) => { raster.setPointerCapture(event.pointerId); seek(event); });
    raster.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  }
  const drawLegend = legend(box, data, context);
  const buffer = document.createElement("canvas");
  const barsHeight = compact ? 84 : 110, rasterHeight = Math.min(200, Math.max(60, count * 3));
  let geometry = null, shown = 0;
  const value = (level) => data.low + (level / 254) * (data.high - data.low);
  const layout = () => {
    const width = Math.max(160, box.body.clientWidth);
    if (bars) { geometry = { width, height: barsHeight, left: 46 }; return; }
    const cell = Math.max(3, Math.min(20, Math.sqrt((width * (compact ? width / 2 : 140)) / count)));
    const across = Math.max(1, Math.min(count, Math.floor(width / cell)));
    const down = Math.ceil(count / across);
    geometry = { width, height: down * cell, across, down, cell };
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!geometry) return;
    const bounds = canvas.getBoundingClientRect();
    const px = event.clientX - bounds.left, py = event.clientY - bounds.top;
    const index = bars
      ? Math.floor(((px - geometry.left) / (geometry.width - geometry.left)) * count)
      : Math.floor(py / geometry.cell) * geometry.across + Math.floor(px / geometry.cell);
    if (index < 0 || index >= count || (!bars && px >= geometry.across * geometry.cell)) return;
    const level = array.row(shown)[index];
    hover.textContent = `unit ${data.units[index]}: ${level === NON_FINITE ? "not finite" : `≈ ${number(value(level))}`}`;
  });
  const drawBars = (g, levels, theme, table) => {
    const { left, width, height } = geometry;
    const low = Math.min(0, data.low), high = Math.max(0, data.high), span = high - low || 1;
    const y = (v) => 6 + (1 - (v - low) / span) * (height - 22);
    g.font = `11px ${theme.font}`; g.textAlign = "right"; g.fillStyle = theme.muted;
    for (const v of low < 0 && high > 0 ? [low, 0, high] : [low, high]) {
      g.textBaseline = "middle";
      g.fillText(number(v, 2), left - 6, y(v));
      g.fillStyle = theme.line; g.fillRect(left, y(v), width - left, 1); g.fillStyle = theme.muted;
    }
    const step = (width - left) / count;
    for (let i = 0; i < count; i++) {
      const level = levels[i], v = level === NON_FINITE ? high : value(level);
      g.fillStyle = level === NON_FINITE ? css(table[NON_FINITE]) : theme.series.value;
      const top = Math.min(y(0), y(v));
      g.fillRect(left + i * step + step * 0.12, top, Math.max(1, Math.min(40, step * 0.76)), Math.max(1, Math.abs(y(v) - y(0))));
    }
    g.fillStyle = theme.muted; g.textBaseline = "bottom"; g.textAlign = "left";
    g.fillText(`unit ${data.units[0]}`, left, height + 1);
    if (count > 4) { g.textAlign = "right"; g.fillText(`unit ${data.units[count - 1]}`, width, height + 1); }
  };
  return {
    redraw() {
      layout(); drawLegend();
      if (!raster) return;
      const theme = context.theme(), table = data.low < 0 ? theme.diverging : theme.sequential;
      const turned = new Uint8Array(count * length);
      for (let t = 0; t < length; t++) { const row = array.row(t); for (let i = 0; i < count; i++) turned[i * length + t] = row[i]; }
      paint(buffer, turned, table, length, count);
      const g = fitCanvas(rasterStill, geometry.width, rasterHeight);
      g.imageSmoothingEnabled = false;
      g.clearRect(0, 0, geometry.width, rasterHeight);
      g.drawImage(buffer, MARGIN.left, 0, geometry.width - MARGIN.left - MARGIN.right, rasterHeight);
      g.font = `11px ${theme.font}`; g.textAlign = "right"; g.fillStyle = theme.muted;
      g.textBaseline = "top"; g.fillText(`unit ${data.units[0]}`, MARGIN.left - 6, 0);
      g.textBaseline = "bottom"; g.fillText(`unit ${data.units[count - 1]}`, MARGIN.left - 6, rasterHeight);
    },
    draw(t) {
      if (!geometry) this.redraw();
      const theme = context.theme(), table = data.low < 0 ? theme.diverging : theme.sequential;
      const g = fitCanvas(canvas, geometry.width, geometry.height);
      g.clearRect(0, 0, geometry.width, geometry.height);
      if (t !== null) {
        shown = Math.min(t, length - 1);
        const levels = array.row(shown);
        if (bars) drawBars(g, levels, theme, table);
        else for (let i = 0; i < count; i++) {
          g.fillStyle = css(table[levels[i]]);
          const cell = geometry.cell;
          g.fillRect((i % geometry.across) * cell, Math.floor(i / geometry.across) * cell, cell - (cell > 6 ? 1 : 0), cell - (cell > 6 ? 1 : 0));
        }
      }
      if (raster) {
        const r = fitCanvas(raster, geometry.width, rasterHeight);
        r.clearRect(0, 0, geometry.width, rasterHeight);
        r.drawImage(rasterStill, 0, 0, geometry.width, rasterHeight);
        const x = MARGIN.left + (((t === null ? length - 1 : t) + 0.5) / length) * (geometry.width - MARGIN.left - MARGIN.right);
        r.fillStyle = theme.background; r.fillRect(x - 1.5, 0, 3, rasterHeight);
        r.fillStyle = theme.text; r.fillRect(x - 0.5, 0, 1, rasterHeight);
      }
    },
  };
}

function layerPanel(parent, payload, context) {
  const layer = payload.layer;
  const box = panel(parent, "Inside", layer.label, "rlw-wide");
  return layer.kind === "maps" ? mapsPanel(box, layer, context) : vectorPanel(box, layer, context);
}

function truthPanel(parent, payload) {
  const box = panel(parent, "True state", "what the environment says is so, hidden from the agent unless it observes it");
  const table = make("div", "rlw-truth", null, box.body);
  const cells = payload.truth.map((label) => {
    make("span", "rlw-label", label.name, table).title = label.name;
    return { figure: make("span", "rlw-figure", "", table), values: decodeArray(label.array), kind: label.kind };
  });
  return { draw(t, position) {
    for (const { figure, values, kind } of cells) {
      if (position >= values.shape[0]) { figure.textContent = "–"; continue; }
      const row = Array.from(values.row(position));
      figure.textContent = row.slice(0, 24).map((v) => (kind === "bool" ? (v ? "yes" : "no") : number(v))).join(", ") + (row.length > 24 ? ` … (${row.length} numbers)` : "");
    }
  } };
}

function momentsPanel(parent, payload, context) {
  const box = panel(parent, "Moments worth a look", "the most surprising steps of the whole episode", "rlw-moments");
  if (!payload.moments.length) make("p", "rlw-hint", payload.moments_note, box.body);
  const buttons = [];
  for (const kind of Object.keys(MOMENT_WORDS)) {
    const of = payload.moments.filter((moment) => moment.kind === kind);
    if (!of.length) continue;
    const group = make("div", "rlw-group", null, box.body);
    make("h4", "", `${MOMENT_WORDS[kind][0]} ${MOMENT_WORDS[kind][1]}`, group);
    for (const moment of of) {
      const button = make("button", "rlw-moment", null, group);
      button.type = "button";
      make("strong", "", `step ${moment.step}`, button);
      make("span", "", moment.text.replace(/-(?=\d)/g, "−"), button);
      button.addEventListener("click", () => context.seek(moment.step));
      buttons.push([button, moment.step]);
    }
  }
  return { draw(t, position) {
    for (const [button, step] of buttons) button.classList.toggle("rlw-here", step === context.start + position);
  } };
}

/* ---------------------------------------------------------------- the player */

function mountPlayer(root, payload, options = {}) {
  let onStep = options.onStep || null;
  let position = 0, playing = false, speed = 15, owed = 0, previous = 0, request = 0, timer = 0, wantPlay = false;
  let panels = [], controls = null, theme = null, alive = true, drawn = 0;
  root.classList.add("rlw-player");
  if (!root.hasAttribute("tabindex")) root.tabIndex = 0;
  root.setAttribute("aria-label", "Episode player");

  const rows = () => payload.window.stop - payload.window.start;
  const positions = () => rows() + (payload.window.has_final ? 1 : 0);
  const step = () => payload.window.start + position;
  const context = { theme: () => theme, seek: (target) => seek(target), get start() { return payload.window.start; } };

  function report() {
    clearTimeout(timer);
    if (onStep) timer = setTimeout(() => { if (alive && !playing) onStep(Math.min(step(), payload.episode.length - 1)); }, 350);
  }

  function draw() {
    const t = position < rows() ? position : null;
    for (const one of panels) one.draw(t, position);
    controls.update();
    root.dataset.step = String(step());
    root.dataset.drawn = String(++drawn);
  }

  function seek(target) {
    const wanted = Math.max(0, Math.min(Math.round(target), payload.episode.length - (payload.window.has_final ? 0 : 1)));
    const inside = wanted - payload.window.start;
    if (inside < 0 || inside >= positions()) {
      pause();
      clearTimeout(timer); // a report of the step that is being left must not overtake the wish for another
      controls.message(onStep ? `Fetching step ${wanted} …` : `This page holds steps ${payload.window.start} to ${payload.window.stop - 1} of the episode; step ${wanted} is not among them.`);
      if (onStep) onStep(wanted);
      return;
    }
    controls.message("");
    position = inside;
    draw();
    if (!playing) report();
  }

  function tick(now) {
    if (!playing || !alive) return;
    owed += ((now - previous) / 1000) * speed;
    previous = now;
    const steps = Math.floor(owed);
    if (steps > 0) {
      owed -= steps;
      const next = position + Math.min(steps, Math.max(1, Math.ceil(speed / 10)));
      if (next >= positions()) {
        position = positions() - 1;
        draw();
        if (payload.window.stop < payload.episode.length && onStep) { pause(); wantPlay = true; onStep(payload.window.stop); controls.message("Fetching the next steps …"); return; }
        pause();
        return;
      }
      position = next;
      draw();
    }
    request = requestAnimationFrame(tick);
  }

  function play() {
    if (playing) return;
    if (position >= positions() - 1) position = 0;
    playing = true; owed = 1; previous = performance.now();
    root.dataset.playing = "true";
    controls.update();
    request = requestAnimationFrame(tick);
  }

  function pause() {
    if (!playing) { wantPlay = false; return; }
    playing = false;
    root.dataset.playing = "false";
    cancelAnimationFrame(request);
    controls.update();
    report();
  }

  function buildControls(parent) {
    const bar = make("div", "rlw-controls", null, parent);
    const button = (text, label, action) => {
      const node = make("button", "", null, bar);
      node.appendChild(icon(text));
      node.type = "button"; node.title = label; node.setAttribute("aria-label", label.split(" (")[0]);
      node.addEventListener("click", action);
      return node;
    };
    button("first", "First step (Home)", () => { pause(); seek(0); });
    button("back", "One step back (←)", () => { pause(); seek(step() - 1); });
    const toggle = button("play", "Play (space)", () => (playing ? pause() : play()));
    toggle.classList.add("rlw-play");
    button("forward", "One step forward (→)", () => { pause(); seek(step() + 1); });
    button("last", "Last step (End)", () => { pause(); seek(payload.episode.length); });
    const slider = make("input", "rlw-slider", null, bar);
    Object.assign(slider, { type: "range", min: payload.window.start, max: payload.window.start + positions() - 1, step: 1 });
    slider.setAttribute("aria-label", "Step");
    slider.addEventListener("input", () => seek(Number(slider.value)));
    const place = make("label", "rlw-place", "step ", bar);
    const entry = make("input", "", null, place);
    Object.assign(entry, { type: "number", min: 0, max: payload.episode.length, step: 1 });
    entry.setAttribute("aria-label", "Jump to step");
    entry.addEventListener("change", () => { pause(); seek(Number(entry.value)); });
    make("span", "", ` of ${payload.episode.length}`, place);
    const select = make("select", "", null, bar);
    select.setAttribute("aria-label", "Speed in steps a second");
    const fps = payload.environment_fps;
    const speeds = [...new Set([...SPEEDS, ...(fps && fps <= 120 ? [Math.round(fps)] : [])])].sort((a, b) => a - b);
    for (const value of speeds) {
      const option = make("option", "", value === Math.round(fps) ? `${value} steps/s (real time)` : `${value} steps/s`, select);
      option.value = String(value);
    }
    select.value = String(speed);
    select.addEventListener("change", () => { speed = Number(select.value); owed = 0; });
    const message = make("span", "rlw-message", "", bar);
    return {
      message(text) { if (message.textContent !== text) message.textContent = text; },
      update() {
        toggle.replaceChildren(icon(playing ? "pause" : "play"));
        toggle.title = playing ? "Pause (space)" : "Play (space)";
        toggle.setAttribute("aria-label", playing ? "Pause" : "Play");
        slider.value = String(step());
        const active = root.getRootNode().activeElement;
        if (active !== entry) entry.value = String(step());
      },
    };
  }

  function build() {
    root.replaceChildren();
    theme = readTheme(root);
    panels = [];
    controls = buildControls(root);
    for (const note of payload.notes) make("p", "rlw-warning", note, root);
    if (payload.window.start > 0 || payload.window.stop < payload.episode.length) {
      const paging = make("p", "rlw-paging", null, root);
      make("span", "", `Loaded: steps ${payload.window.start} to ${payload.window.stop - 1} of ${payload.episode.length}; the timelines show all of them.`, paging);
      if (onStep) {
        const page = (text, target, able) => {
          const button = make("button", "", text, paging);
          button.type = "button"; button.disabled = !able;
          button.addEventListener("click", () => seek(target));
        };
        page("← earlier", payload.window.start - 1, payload.window.start > 0);
        page("later →", payload.window.stop, payload.window.stop < payload.episode.length);
      }
    }
    if (rows() > 0) {
      panels.push(readoutPanel(root, payload));
      const stage = make("div", "rlw-stage", null, root);
      const pictured = payload.observations.some((one) => one.kind === "image");
      const small = !payload.frames && !pictured;
      stage.classList.toggle("rlw-two", small);
      const columns = ["", "", " rlw-side"].map((extra) => make("div", `rlw-column${extra}`, null, stage));
      const [seen, acted, side] = columns;
      const emptiest = () => columns.slice(0, small ? 2 : 3).reduce((best, one) => (one.scrollHeight < best.scrollHeight ? one : best));
      if (payload.frames) panels.push(framePanel(seen, payload));
      panels.push(actionPanel(acted, payload));
      panels.push(momentsPanel(side, payload, context));
      panels.push(...observationPanels(emptiest, payload, context));
      if (payload.truth.length) panels.push(truthPanel(emptiest(), payload));
      panels.push(timelinePanel(root, payload, context));
      if (payload.layer) panels.push(layerPanel(root, payload, context));
      const memory = make("div", "rlw-memory", null, root);
      for (const state of payload.state) panels.push(vectorPanel(panel(memory, "Memory", state.label), state, context));
    } else make("p", "rlw-warning", "This episode has no recorded step.", root);
    make("p", "rlw-keys", "Keys: ← → one step · shift + ← → ten · space play or pause · home, end. Click a timeline to go there.", root);
    redraw();
  }

  function redraw() {
    for (const one of panels) if (one.redraw) one.redraw();
    draw();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    const tag = target && target.tagName ? target.tagName.toLowerCase() : "";
    const ours = event.composedPath().includes(root);
    if (tag === "input" && target.type !== "range" && target.type !== "checkbox") return;
    if (["textarea", "select"].includes(tag) || (target && target.isContentEditable)) return;
    if (!ours && target && target.closest && target.closest('[role="combobox"],[role="listbox"],[role="tab"],[role="radiogroup"],[role="slider"],[role="menu"],[role="dialog"],button,a,summary,canvas')) return;
    if (event.key === " " && tag === "button") return;
    const far = event.shiftKey ? 10 : 1;
    const moves = { ArrowRight: () => step() + far, ArrowLeft: () => step() - far, Home: () => 0, End: () => payload.episode.length };
    if (event.key === " ") { playing ? pause() : play(); }
    else if (moves[event.key]) { const aim = moves[event.key](); pause(); seek(aim); }
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", onKey);
  let widthBefore = 0;
  const watch = new ResizeObserver(() => {
    const width = root.clientWidth;
    if (width && Math.abs(width - widthBefore) > 1) { widthBefore = width; theme = readTheme(root); redraw(); }
  });
  watch.observe(root);
  const themeTimer = setInterval(() => {
    const now = readTheme(root);
    if (theme && now.key !== theme.key) { theme = now; redraw(); }
  }, 700);

  root.dataset.playing = "false";
  position = Math.max(0, Math.min((options.seek || 0) - payload.window.start, positions() - 1));
  build();

  return {
    seek, play, pause,
    position: step,
    update(next, answer) {
      onStep = answer || null;
      if (next.key === payload.key) { const now = readTheme(root); if (now.key !== theme.key) { theme = now; redraw(); } return; }
      const sameEpisode = next.episode_key === payload.episode_key;
      const resume = sameEpisode && (playing || wantPlay), at = step();
      if (playing) { playing = false; cancelAnimationFrame(request); }
      wantPlay = false;
      payload = next;
      position = sameEpisode ? Math.max(0, Math.min(at - payload.window.start, positions() - 1)) : 0;
      root.dataset.playing = "false";
      build();
      if (resume) play();
    },
    destroy() {
      alive = false;
      cancelAnimationFrame(request); clearTimeout(timer); clearInterval(themeTimer); watch.disconnect();
      document.removeEventListener("keydown", onKey);
      root.replaceChildren();
    },
  };
}

globalThis.mountPlayer = mountPlayer;

/* Streamlit calls this on every change of its data and theme; the player of the first call lives on. */
export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".rlw-player");
  const answer = (step) => setStateValue("step", step);
  if (!root.player) {
    root.player = mountPlayer(root, data.payload, { onStep: answer, seek: data.seek.step });
    root.seekToken = data.seek.token;
  } else {
    root.player.update(data.payload, answer);
    if (root.seekToken !== data.seek.token) {
      root.seekToken = data.seek.token;
      root.player.seek(data.seek.step);
    }
  }
  return () => { if (root.player) { root.player.destroy(); root.player = null; } };
}
