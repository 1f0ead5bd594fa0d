/* The tree on a canvas, where `layout.lay_out` put its nodes. A part of the viewer's module: viewer.js says how the parts come together. */

const WIDEST_COLUMN = 150, HIGHEST_ROW = 27, LOWEST_ROW = 15, USUAL_TALL = 560, MOST_TALL = 720, LEAST_TALL = 230;
const SMALLEST_NODE = 4, LARGEST_NODE = 10.5, WIDEST_EDGE = 11;
const TREE_MARGIN = { left: 30, right: 22, top: 36, bottom: 24 }, ROOM_FOR_OTHERS = 125; // pixels; "12 others, 140 visits" stands right of its square

/* How far apart columns and rows are, in pixels, so that all of a tree is on its canvas; `size` is what nodes are drawn at, 1 at the most. */
function fitTree({ column, row, node }, width, tall) {
  const { left, right, top, bottom } = TREE_MARGIN;
  const across = Math.max(1, ...column), down = Math.max(1, ...row);
  const others = column.reduce((most, one, i) => (node[i] < 0 ? Math.max(most, one) : most), 0);
  const wide = Math.min(WIDEST_COLUMN, (width - left - right) / across, others ? (width - left - ROOM_FOR_OTHERS) / others : Infinity);
  const high = Math.min(HIGHEST_ROW, (tall - top - bottom) / down);
  return { wide, high, size: Math.max(0.4, Math.min(1, high / HIGHEST_ROW, wide / 36)) };
}

/* Whether two boxes [left, top, right, bottom] overlap. */
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

function treePanel(parent, view) {
  const box = panel(parent, "Tree", "", "rlw-treebox");
  const tools = make("div", "rlw-treetools", null, box.head);
  const canvas = make("canvas", "rlw-tree", null, box.body);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Search tree. Arrow keys go from node to node, plus and minus zoom.");
  const tip = make("div", "rlw-tip", "", box.body);
  tip.hidden = true;
  const { layout } = view.payload, M = layout.node.length;
  const below = Array.from({ length: M }, () => []);
  for (let i = 1; i < M; i++) below[layout.above[i]].push(i);
  const placeOf = new Map(layout.node.map((node, i) => [node, i]).filter(([node]) => node >= 0));
  const ends = TREE_MARGIN.top + TREE_MARGIN.bottom, down = Math.max(...layout.row);
  // Beyond the usual height rows move together first, then the canvas grows, then names are left out.
  const tall = Math.max(LEAST_TALL, Math.min(down * HIGHEST_ROW + ends, Math.max(USUAL_TALL, Math.min(MOST_TALL, down * LOWEST_ROW + ends))));
  let width = 600, scale = 1, left = 0, top = 0, fitted = fitTree(layout, width, tall), touched = false;

  const tool = (text, label, action) => {
    const node = make("button", "", text, tools);
    node.type = "button"; node.title = label; node.setAttribute("aria-label", label);
    node.addEventListener("click", action);
  };
  tool("−", "Smaller", () => zoom(1 / 1.25, width / 2, tall / 2));
  tool("+", "Larger", () => zoom(1.25, width / 2, tall / 2));
  tool("Fit", "All of it", () => { fit(); draw(); });
  make("div", "rlw-hint rlw-tree-legend", "", box.body);

  /* N and Q (for the root's player) of a drawn node; of others the sum and the mean. */
  function numbers(i) {
    const { replay } = view, node = layout.node[i];
    if (node >= 0) return { n: replay.state.nodeVisits[node], q: node === 0 ? replay.rootQ(0) : replay.rootQ(node) };
    let n = 0, sum = 0, count = 0;
    for (const one of layout.others[i]) {
      const visits = replay.state.nodeVisits[one];
      if (visits) { n += visits; sum += visits * replay.rootQ(one); count += 1; }
    }
    return { n, q: n ? sum / n : NaN, count };
  }

  /* All of it; and again at every resize, until somebody zooms or moves it. */
  function fit() {
    touched = false;
    fitted = fitTree(layout, width, tall);
    scale = 1;
    ({ left, top } = TREE_MARGIN);
  }

  const x = (i) => left + layout.column[i] * fitted.wide * scale;
  const y = (i) => top + layout.row[i] * fitted.high * scale;
  const size = () => Math.min(fitted.size * scale, 1.6);

  function zoom(factor, cx, cy) {
    touched = true;
    const next = Math.max(0.25, Math.min(4 / fitted.size, scale * factor));
    left = cx - ((cx - left) * next) / scale;
    top = cy - ((cy - top) * next) / scale;
    scale = next;
    draw();
  }

  const radius = (i, n, all) => (layout.node[i] < 0 ? 6 : SMALLEST_NODE + (LARGEST_NODE - SMALLEST_NODE) * Math.sqrt(n / all)) * Math.max(0.4, size());
  const thickness = (n, all) => Math.max(0.8, WIDEST_EDGE * Math.sqrt(n / all) * Math.min(size(), 1.4));

  function draw() {
    const context = fitCanvas(canvas, width, tall), theme = view.theme();
    context.clearRect(0, 0, width, tall);
    const { replay } = view, all = Math.max(1, replay.state.nodeVisits[0]);
    const told = layout.node.map((_, i) => numbers(i));
    const onLine = new Set(replay.variation(0)), looked = view.looked(), here = looked.line[looked.ply];
    const order = [...told.keys()].filter((i) => i > 0 && told[i].n > 0).sort((a, b) => told[b].n - told[a].n);
    context.lineCap = "round";
    for (const i of order) {
      const from = layout.above[i], [x0, y0, x1, y1] = [x(from), y(from), x(i), y(i)];
      context.beginPath();
      context.moveTo(x0, y0);
      if (y0 === y1) context.lineTo(x1, y1);
      else { const bend = Math.min(14 * size(), y1 - y0, x1 - x0); context.lineTo(x0, y1 - bend); context.quadraticCurveTo(x0, y1, x0 + bend, y1); context.lineTo(x1, y1); }
      context.lineWidth = thickness(told[i].n, all);
      const main = onLine.has(layout.node[i]) && layout.node[i] >= 0;
      context.strokeStyle = main ? view.lineColour() : theme.dark ? "#46525f" : "#cdd5de";
      if (layout.node[i] < 0) context.setLineDash([3, 4]);
      context.stroke();
      context.setLineDash([]);
    }
    for (const i of [0, ...order]) node(context, theme, i, told[i], all, layout.node[i] >= 0 && layout.node[i] === here);
    const hidden = names(context, theme, [0, ...order.filter((i) => onLine.has(layout.node[i])), ...order.filter((i) => !onLine.has(layout.node[i]))], told, all);
    const drawn = 1 + order.filter((i) => layout.node[i] >= 0).length;
    box.note.textContent = `${drawn} of ${replay.state.nodeVisits.reduce((sum, n) => sum + (n > 0), 0)} nodes drawn`
      + (hidden ? `; no room for ${hidden} name${hidden === 1 ? "" : "s"}: zoom in, or point at a node` : "");
  }

  function node(context, theme, i, { n, q }, all, selected) {
    const r = radius(i, n, all), [cx, cy] = [x(i), y(i)], id = layout.node[i], { replay } = view;
    if (cx < -40 || cy < -40 || cx > width + 40 || cy > tall + 40) return;
    context.beginPath();
    if (id < 0) context.rect(cx - r, cy - r * 0.8, 2 * r, 1.6 * r);
    else if (replay.terminal[id]) context.rect(cx - r * 0.9, cy - r * 0.9, 1.8 * r, 1.8 * r);
    else context.arc(cx, cy, r, 0, 2 * Math.PI);
    context.fillStyle = view.colour(q);
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = theme.dark ? "rgba(255,255,255,0.55)" : "rgba(0,0,0,0.5)";
    if (id < 0) context.setLineDash([2, 2]);
    context.stroke();
    context.setLineDash([]);
    const edge = id > 0 ? replay.incoming[id] : -1;
    if (edge >= 0) {
      context.beginPath();
      context.arc(cx, cy, r + 1 + 2 * Math.min(1, size()), -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, replay.prior[edge]));
      context.lineWidth = size() < 0.7 ? 1.4 : 2;
      context.strokeStyle = theme.dark ? "#c9d3dd" : "#3b4956";
      context.stroke();
    }
    if (selected) {
      context.beginPath();
      context.arc(cx, cy, r + 7, 0, 2 * Math.PI);
      context.lineWidth = 2.5;
      context.strokeStyle = view.accent();
      context.stroke();
    }
  }

  /* Write names where there is room, the first ones first; how many of those in sight have none. */
  function names(context, theme, order, told, all) {
    const { replay } = view, letters = Math.round(11 * Math.max(0.92, Math.min(size(), 1.3)));
    const inSight = order.filter((i) => x(i) > -40 && y(i) > -40 && x(i) < width + 40 && y(i) < tall + 40);
    const taken = inSight.map((i) => { const r = radius(i, told[i].n, all); return [x(i) - r, y(i) - r, x(i) + r, y(i) + r]; });
    let hidden = 0;
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = theme.background;
    for (const i of inSight) {
      const id = layout.node[i], { n, count } = told[i], r = radius(i, n, all), [cx, cy] = [x(i), y(i)];
      const text = id < 0 ? `${count} other${count === 1 ? "" : "s"}, ${n} visit${n === 1 ? "" : "s"}` : id === 0 ? "root" : view.name(replay.action[id]);
      context.font = `${id > 0 ? 600 : 400} ${letters}px ${theme.font}`;
      const wide = context.measureText(text).width;
      // Above the edge, however thick that is, else above the node; of others beside their square.
      const places = id < 0 ? [[cx + r + 4, cy]] : id === 0 ? [[cx - r, cy - r - 14]]
        : [[cx - r - 5 - wide, cy - Math.max(letters * 0.64, thickness(n, all) / 2 + letters * 0.6)], [cx - wide / 2, cy - r - 4 - letters * 0.6]];
      const boxAt = ([from, middle]) => [from, middle - letters * 0.45, from + wide, middle + letters * 0.45];
      const place = places.find((one) => { const box = boxAt(one); return (box[0] > 1 || cx < 1) && !taken.some((other) => overlap(other, box)); });
      if (!place) { hidden += 1; continue; }
      const [from, middle] = place;
      taken.push(boxAt(place));
      context.textAlign = "left";
      context.fillStyle = id < 0 ? theme.muted : theme.text;
      if (id >= 0) context.strokeText(text, from, middle);
      context.fillText(text, from, middle);
    }
    return hidden;
  }

  function at(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    let best = -1, nearest = 14 * 14;
    for (let i = 0; i < M; i++) {
      if (i > 0 && !numbers(i).n) continue;
      const distance = (x(i) - px) ** 2 + (y(i) - py) ** 2;
      if (distance < nearest) [best, nearest] = [i, distance];
    }
    return { place: best, px, py };
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, y: event.clientY, left, top, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
      drag.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
      if (drag.moved) { left = drag.left + dx; top = drag.top + dy; touched = true; tip.hidden = true; draw(); }
      return;
    }
    const { place, px, py } = at(event);
    canvas.style.cursor = place >= 0 ? "pointer" : "grab";
    tip.hidden = place < 0;
    if (place < 0) return;
    const told = numbers(place), id = layout.node[place], edge = id > 0 ? view.replay.incoming[id] : -1;
    tip.textContent = (id < 0 ? `${told.count} other moves` : id === 0 ? "root" : view.replay.path(id).slice(1).map((one) => view.name(view.replay.action[one])).join(" "))
      + ` · N ${told.n} · Q ${signed(told.q)}` + (edge >= 0 ? ` · P ${percent(view.replay.prior[edge])}` : "");
    tip.style.left = `${Math.max(4, Math.min(px + 14, width - 240))}px`;
    tip.style.top = `${py + 18}px`;
  });
  canvas.addEventListener("pointerup", (event) => {
    const moved = drag && drag.moved;
    drag = null;
    if (moved) return;
    const { place } = at(event);
    if (place >= 0 && layout.node[place] >= 0) view.pin(layout.node[place]);
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    // A page is scrolled by the wheel alone; zooming takes the control key, or a canvas that has been clicked.
    if (!event.ctrlKey && canvas.getRootNode().activeElement !== canvas) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { fit(); draw(); });
  canvas.addEventListener("keydown", (event) => {
    const { line, ply } = view.looked(), i = placeOf.get(line[ply]);
    const go = (target) => { if (target !== undefined && layout.node[target] >= 0) { view.pin(layout.node[target]); show(target); } };
    const siblings = i === undefined || i === 0 ? [] : below[layout.above[i]].filter((one) => layout.node[one] >= 0 && numbers(one).n);
    const keys = {
      ArrowRight: () => go(i === undefined ? 0 : below[i].find((one) => numbers(one).n)), ArrowLeft: () => go(i ? layout.above[i] : 0),
      ArrowDown: () => go(siblings[siblings.indexOf(i) + 1]), ArrowUp: () => go(siblings[siblings.indexOf(i) - 1]),
      "+": () => zoom(1.25, width / 2, tall / 2), "-": () => zoom(0.8, width / 2, tall / 2),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });

  /* Bring a drawn node into sight. */
  function show(i) {
    const margin = 40;
    if (x(i) < margin || x(i) > width - margin) left += width / 2 - x(i);
    if (y(i) < margin || y(i) > tall - margin) top += tall / 2 - y(i);
    draw();
  }

  return {
    draw,
    resize(inner) { width = Math.max(240, inner); if (!touched) fit(); draw(); },
    section: box.section, legend: box.body.querySelector(".rlw-tree-legend"),
    /* Where a node is drawn, for tests: {x, y} on the canvas; null where it is not. */
    where(id) { const i = placeOf.get(id); return i === undefined ? null : { x: x(i), y: y(i) }; },
  };
}
