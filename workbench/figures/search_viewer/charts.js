/* Q and N over the simulations, prior against visits, and the icicle. A part of the viewer's module: viewer.js says how the parts come
 * together. */

const MOST_PRIORS = 9, CHART_HEIGHT = 190, ICICLE_ROW = 22, MOST_ICICLE_ROWS = 10, PLACES_OF_HISTORY = 240;

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
    const marks = kind === "q" && low < 0 && high > 0 ? [low, 0, high] : [low, (low + high) / 2, high];
    ticks(marks).forEach((text, i) => {
      context.beginPath();
      context.moveTo(margin.left, py(marks[i]));
      context.lineTo(width - margin.right, py(marks[i]));
      context.stroke();
      context.fillText(text, margin.left - 6, py(marks[i]));
    });
    context.textBaseline = "top";
    [[0, "left", "0"], [S / 2, "center", String(Math.round(S / 2))], [S, "right", `${S} simulations`]].forEach(([k, align, text]) => {
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

/* For each move of the root the prior before noise and the share of visits, on one scale. */
function priorChart(parent, view) {
  const box = panel(parent, "Prior against visits", "", "rlw-priors");
  const rows = make("div", "rlw-dumbbells", null, box.body);
  const order = [...Array(view.replay.R).keys()].sort((a, b) => view.replay.rootPrior[b] - view.replay.rootPrior[a]).slice(0, MOST_PRIORS);
  const elements = order.map((edge) => {
    const row = make("div", "rlw-dumbbell", null, rows);
    make("span", "rlw-label", view.name(view.replay.edgeAction[edge]), row);
    const track = make("span", "rlw-scaleline", null, row);
    const parts = { row, bar: make("i", "rlw-between", null, track), prior: make("i", "rlw-dot rlw-dot-prior", null, track), share: make("i", "rlw-dot rlw-dot-share", null, track) };
    parts.text = make("span", "rlw-figure", "", row);
    return parts;
  });
  const key = make("p", "rlw-hint rlw-key", "", box.body);
  make("i", "rlw-dot rlw-dot-prior", null, key);
  make("span", "", "prior of the network, before noise", key);
  make("i", "rlw-dot rlw-dot-share", null, key);
  make("span", "", "share of the visits", key);
  if (view.replay.R > order.length) make("span", "", `the ${order.length} moves with the largest priors of ${view.replay.R}`, key);

  function draw() {
    const told = rootRows(view), top = Math.max(0.05, ...told.map((row) => Math.max(row.prior, row.share || 0)));
    let surprise = 0;
    for (const row of told) if (row.share > 0) surprise += row.share * Math.log(row.share / Math.max(row.prior, 1e-12));
    order.forEach((edge, i) => {
      const row = told[edge], part = elements[i], [p, s] = [(100 * row.prior) / top, (100 * (row.share || 0)) / top];
      part.prior.style.left = `${p}%`;
      part.share.style.left = `${s}%`;
      part.bar.style.left = `${Math.min(p, s)}%`;
      part.bar.style.width = `${Math.abs(p - s)}%`;
      part.text.textContent = `${percent(row.prior)} → ${percent(row.share)}`;
    });
    const any = told.some((row) => row.n > 0);
    box.note.textContent = any ? `surprise KL(visits ‖ prior) ${surprise.toFixed(3)} nat, after ${view.k()} simulation${view.k() === 1 ? "" : "s"}` : "";
  }
  return { draw };
}

/* Visits as widths: a row a depth, each move below the one that it answers. */
function iciclePanel(parent, view) {
  const box = panel(parent, "Icicle of visits", `width: share of the visits, a row ${view.words.move === "move" ? "a move" : "an action"}; colour: Q; click to look`, "rlw-iciclebox");
  const canvas = make("canvas", "rlw-icicle", null, box.body);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Icicle of visits");
  const deep = Math.min(MOST_ICICLE_ROWS, view.replay.depth.reduce((a, b) => Math.max(a, b), 0) + 1);
  let width = 300, cells = [];

  function draw() {
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
