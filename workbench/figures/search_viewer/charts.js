/* Q and N over the simulations, and the icicle. A part of the viewer's module: viewer.js says how the parts come
 * together. */

const CHART_HEIGHT = 190, ICICLE_ROW = 22, MOST_ICICLE_ROWS = 10, PLACES_OF_HISTORY = 240;

/* Round numbers between two ends, some four of them: multiples of 1, 2 or 5 times a power of ten. */
function roundMarks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((one) => one * power >= 0.8 * rough) * power;
  return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, i) => (Math.ceil(low / step) + i) * step);
}

/* A line for each of the root's most visited moves: kind "visits" or "q". */
function historyChart(parent, view, kind, title, hint) {
  const box = panel(parent, title, hint);
  const canvas = make("canvas", "rlw-seekable", null, box.body);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}; click to go to a simulation`);
  const legend = make("div", "rlw-serieslegend", null, box.body);
  let width = 300;
  const margin = { left: 46, right: 12, top: 10, bottom: 22 };
  const { history } = view;
  const series = view.coloured();
  for (const edge of series) {
    const one = make("span", "rlw-series", null, legend);
    make("i", "", null, one).style.background = view.colourOf(edge);
    make("span", "", view.name(view.replay.edgeAction[edge]), one);
  }
  if (view.replay.R > series.length) make("span", "rlw-note", `and ${view.replay.R - series.length} more in grey`, legend);

  function draw() {
    const context = fitCanvas(canvas, width, CHART_HEIGHT), theme = view.theme();
    const inner = width - margin.left - margin.right, tall = CHART_HEIGHT - margin.top - margin.bottom;
    const lines = history[kind], all = lines.flat().filter((v) => Number.isFinite(v));
    // Returns may be far from 0, which says nothing then.
    const anchor = view.payload.environment && all.length ? [] : [0];
    let [low, high] = kind === "visits" ? [0, Math.max(1, ...all)] : [Math.min(...anchor, ...all), Math.max(...anchor, ...all)];
    if (kind === "q") { const pad = Math.max(0.02, (high - low) * 0.06); low -= low < 0 || !anchor.length ? pad : 0; high += pad; }
    const S = Math.max(1, view.simulations);
    const px = (k) => margin.left + (k / S) * inner, py = (v) => margin.top + (1 - (v - low) / (high - low)) * tall;
    context.clearRect(0, 0, width, CHART_HEIGHT);
    context.font = `11px ${theme.font}`;
    context.fillStyle = theme.muted;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const marks = roundMarks(low, high).filter((one) => kind === "q" || Number.isInteger(one));
    ticks(marks).forEach((text, i) => {
      context.beginPath();
      context.moveTo(margin.left, py(marks[i]));
      context.lineTo(width - margin.right, py(marks[i]));
      context.stroke();
      context.fillText(text, margin.left - 6, py(marks[i]));
    });
    context.textBaseline = "top";
    const half = Math.round(S / 2);
    [[0, "left", "0"], ...(half < S ? [[half, "center", String(half)]] : []), [S, "right", `${S} simulations`]].forEach(([k, align, text]) => {
      context.textAlign = align;
      context.fillText(text, px(k), CHART_HEIGHT - margin.bottom + 6);
    });
    const order = [...lines.keys()].sort((a, b) => series.includes(a) - series.includes(b));
    for (const edge of order) {
      context.beginPath();
      let pen = false;
      lines[edge].forEach((value, i) => {
        if (!Number.isFinite(value)) { pen = false; return; }
        if (pen) context.lineTo(px(history.at[i]), py(value)); else context.moveTo(px(history.at[i]), py(value));
        pen = true;
      });
      context.strokeStyle = view.colourOf(edge) || (theme.dark ? "#59646f" : "#c3cad2");
      context.lineWidth = edge === view.pinnedEdge() ? 3.2 : series.includes(edge) ? 1.8 : 1;
      context.stroke();
    }
    context.fillStyle = theme.text;
    context.fillRect(px(view.k()) - 0.75, margin.top, 1.5, tall);
  }

  const seek = (event) => {
    const inner = width - margin.left - margin.right;
    view.seek(Math.round(((event.clientX - canvas.getBoundingClientRect().left - margin.left) / inner) * view.simulations));
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); seek(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  return { draw, resize(inner) { width = Math.max(200, inner); draw(); }, body: box.body };
}

/* Visits as widths: a row a depth, each move below the one that it answers. */
function iciclePanel(parent, view) {
  const box = panel(parent, "Icicle of visits", `width: share of the visits, a row ${view.words.move === "move" ? "a move" : "an action"}; colour: Q; click to look`, "rlw-iciclebox");
  const canvas = make("canvas", "rlw-icicle", null, box.body);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Icicle of visits");
  const levels = view.replay.depth.reduce((a, b) => Math.max(a, b), 0) + 1;
  let width = 300, cells = [], deep = Math.min(MOST_ICICLE_ROWS, levels);
  const below = make("div", "rlw-below", null, box.body), told = make("span", "rlw-note", "", below), more = make("button", "", "", below);
  more.type = "button";
  below.hidden = levels <= MOST_ICICLE_ROWS;
  more.addEventListener("click", () => { deep = deep < levels ? levels : MOST_ICICLE_ROWS; draw(); });

  function sayWhatIsBelow() {
    const { depth, state } = view.replay;
    let there = 0;
    for (let node = 0; node < depth.length; node++) if (state.nodeVisits[node]) there = Math.max(there, depth[node] + 1);
    const hidden = Math.max(0, there - deep);
    told.textContent = hidden ? `${hidden} level${hidden === 1 ? "" : "s"} more below` : deep < levels ? `nothing below yet` : `all ${levels} levels`;
    more.textContent = deep < levels ? `Show all ${levels} levels` : `Show ${MOST_ICICLE_ROWS} levels`;
  }

  function draw() {
    sayWhatIsBelow();
    const height = ICICLE_ROW * deep, context = fitCanvas(canvas, width, height), theme = view.theme(), { replay } = view;
    context.clearRect(0, 0, width, height);
    cells = [];
    const { line, ply } = view.looked(), here = line[ply];
    const waiting = [[0, 0, width]];
    context.font = `11px ${theme.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    while (waiting.length) {
      const [node, from, wide] = waiting.pop(), depth = replay.depth[node];
      if (depth >= deep || wide < 1) continue;
      const y = depth * ICICLE_ROW, q = replay.rootQ(node);
      cells.push({ node, from, wide, depth });
      context.fillStyle = view.colour(q);
      context.fillRect(from, y, Math.max(0.6, wide - 1), ICICLE_ROW - 1.5);
      if (node === here) { context.strokeStyle = theme.text; context.lineWidth = 2; context.strokeRect(from + 1, y + 1, Math.max(1, wide - 3), ICICLE_ROW - 3.5); }
      const text = node === 0 ? "root" : view.name(replay.action[node]);
      if (wide > 12 + 6 * text.length) { context.fillStyle = view.inkOn(q); context.fillText(text, from + wide / 2, y + ICICLE_ROW / 2 - 0.5); }
      let at = from;
      const total = Math.max(1, replay.state.nodeVisits[node]);
      const made = replay.children[node].filter((one) => replay.state.nodeVisits[one] > 0).sort((a, b) => replay.state.nodeVisits[b] - replay.state.nodeVisits[a] || a - b);
      for (const one of made) {
        const part = (wide * replay.state.nodeVisits[one]) / total;
        waiting.push([one, at, part]);
        at += part;
      }
    }
  }
  const at = (event) => {
    const place = canvas.getBoundingClientRect(), x = event.clientX - place.left, depth = Math.floor((event.clientY - place.top) / ICICLE_ROW);
    return cells.find((one) => one.depth === depth && x >= one.from && x < one.from + one.wide);
  };
  canvas.addEventListener("click", (event) => { const found = at(event); if (found) view.pin(found.node); });
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event);
    canvas.style.cursor = found ? "pointer" : "default";
    canvas.title = found ? `${found.node ? view.replay.path(found.node).slice(1).map((one) => view.name(view.replay.action[one])).join(" ") : "root"}: N ${view.replay.state.nodeVisits[found.node]}, Q ${signed(view.replay.rootQ(found.node))}` : "";
  });
  return { draw, resize(inner) { width = Math.max(200, inner); draw(); }, body: box.body };
}
