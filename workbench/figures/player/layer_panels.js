/* A layer's activations, and recurrent state: maps, bars, cells, and all units over time. A part of the player's module: player.js says how the parts come together. */

function legend(parent, data, context) {
  const scale = make("span", "rlw-scale", null, parent);
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

const hintOf = (data, text) => `${data.scale ? `${data.scale} ` : ""}${text}`;

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
  const hover = make("p", "rlw-hint", hintOf(data, "Point at a map for its unit and value."), box.body);
  const drawLegend = legend(box.head, data, context);
  const buffer = document.createElement("canvas");
  let grid = null, shown = 0;
  const layout = () => {
    const width = Math.max(200, box.body.clientWidth), gap = 6;
    const layoutOf = (across) => {
      const cell = Math.min(132, Math.floor((width + gap) / across) - gap), tall = Math.max(12, (cell * rows) / columns) + 13;
      return { across, cell, tall, gap, width, height: Math.ceil(count / across) * (tall + gap) };
    };
    let across = 1; // as few side by side, and so as large, as keep the maps in sight
    while (across < count && layoutOf(across).height > MAPS_TALL && layoutOf(across + 1).cell >= SMALLEST_MAP) across += 1;
    grid = layoutOf(across);
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
  const hover = make("p", "rlw-hint", hintOf(data, bars ? "One bar a unit: point at one for its value." : "One cell a unit, row by row: point at one for its value."), box.body);
  let raster = null, rasterStill = null, colours = bars ? null : box.head; // bars have an axis instead of colours
  if (!compact && length > 1) {
    const caption = make("p", "rlw-caption", null, box.body);
    make("span", "", "One row a unit, over time.", caption);
    caption.title = "Click to go to a step";
    colours = colours || caption;
    raster = make("canvas", "rlw-seekable", null, box.body);
    rasterStill = document.createElement("canvas");
    const seek = (event) => {
      const bounds = raster.getBoundingClientRect();
      context.seek(context.start + Math.floor(Math.min(0.9999, Math.max(0, (event.clientX - bounds.left - MARGIN.left) / (bounds.width - MARGIN.left - MARGIN.right))) * length));
    };
    raster.addEventListener("pointerdown", (event) => { raster.setPointerCapture(event.pointerId); seek(event); });
    raster.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  }
  const drawLegend = colours ? legend(colours, data, context) : () => {};
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
        const x = MARGIN.left + ((t === null ? length : t + 0.5) / length) * (geometry.width - MARGIN.left - MARGIN.right);
        r.fillStyle = theme.background; r.fillRect(x - 1.5, 0, 3, rasterHeight);
        r.fillStyle = theme.text; r.fillRect(x - 0.5, 0, 1, rasterHeight);
      }
    },
  };
}

function layerPanel(parent, payload, context) {
  const layer = payload.layer;
  const box = panel(parent, "Inside", layer.label);
  const idle = make("p", "rlw-ended", "", box.body);
  box.body.classList.add("rlw-acted");
  const inner = layer.kind === "maps" ? mapsPanel(box, layer, context) : vectorPanel(box, layer, context);
  return {
    redraw() { inner.redraw(); },
    draw(t) {
      idle.textContent = t === null ? "No action follows the last observation, so the network did not run on it." : "";
      inner.draw(t);
    },
  };
}
