/* The prior of the root's moves against their share of the visits. A part of the viewer's module: viewer.js says how the parts come
 * together. */

const PRIORS_TALL = 264, SHARES = [0, 0.25, 0.5, 0.75, 1], POINT = 5.5;

/* A point a move, on axes that never change: the whole from 0 to 100 %, so that above the diagonal is more than the prior says. */
function priorChart(parent, view) {
  const box = panel(parent, "Prior against visits", "", "rlw-priors"), { replay, words } = view;
  const svg = shape("svg", { class: "rlw-scatter", role: "group", "aria-label": `Prior against share of the visits, a point ${words.move === "move" ? "a move" : "an action"}` }, box.body);
  const ground = shape("g", {}, svg), stems = shape("g", {}, svg), points = shape("g", {}, svg), labels = shape("g", {}, svg);
  make("p", "rlw-hint", `Above the dashed line the search went more often than the network's prior says, below it less. The axes stay while the slider moves; one search (n = 1).`, box.body);
  const margin = { left: 62, right: 18, top: 12, bottom: 42 };
  let width = 300;
  const px = (share) => margin.left + share * (width - margin.left - margin.right);
  const py = (share) => margin.top + (1 - share) * (PRIORS_TALL - margin.top - margin.bottom);
  const elements = Array.from({ length: replay.R }, (_, edge) => {
    const colour = view.colourOf(edge), stem = shape("line", { class: "rlw-stem" }, stems);
    const point = shape("circle", { r: POINT, class: "rlw-point", "data-edge": edge }, points), title = shape("title", {}, point);
    const label = shape("text", { class: "rlw-point-name" }, labels, view.name(replay.edgeAction[edge]));
    if (colour) { point.style.fill = colour; stem.style.stroke = colour; }
    point.addEventListener("mouseenter", () => view.preview(edge));
    point.addEventListener("mouseleave", () => view.preview(-1));
    point.addEventListener("click", () => view.play(edge));
    return { stem, point, title, label };
  });

  function axes() {
    for (const [key, value] of Object.entries({ width, height: PRIORS_TALL, viewBox: `0 0 ${width} ${PRIORS_TALL}` })) svg.setAttribute(key, value);
    ground.replaceChildren();
    for (const share of SHARES) {
      const text = percent(share);
      shape("line", { x1: px(0), x2: px(1), y1: py(share), y2: py(share), class: "rlw-grid" }, ground);
      shape("line", { x1: px(share), x2: px(share), y1: py(0), y2: py(1), class: "rlw-grid" }, ground);
      shape("text", { x: px(0) - 7, y: py(share) + 4, class: "rlw-tick rlw-tick-visits" }, ground, text);
      shape("text", { x: px(share), y: py(0) + 16, class: "rlw-tick rlw-tick-prior" }, ground, text);
    }
    shape("text", { x: px(0.5), y: PRIORS_TALL - 6, class: "rlw-axis-name" }, ground, "prior of the network, before noise");
    shape("text", { transform: `translate(13 ${py(0.5)}) rotate(-90)`, class: "rlw-axis-name" }, ground, "share of the visits");
    shape("line", { x1: px(0), y1: py(0), x2: px(1), y2: py(1), class: "rlw-diagonal" }, ground);
    const angle = (Math.atan2(py(1) - py(0), px(1) - px(0)) * 180) / Math.PI;
    shape("text", { transform: `translate(${px(0.88)} ${py(0.88)}) rotate(${angle.toFixed(2)}) translate(0 16)`, class: "rlw-axis-name" }, ground, "visits = prior");
  }

  function draw() {
    const rows = rootRows(view), any = rows.some((row) => row.n > 0), all = rows.reduce((sum, row) => sum + row.n, 0);
    const taken = rows.map((row) => [px(row.prior) - POINT, py(row.share || 0) - POINT, px(row.prior) + POINT, py(row.share || 0) + POINT]);
    let surprise = 0;
    for (const row of rows) if (row.share > 0) surprise += row.share * Math.log(row.share / Math.max(row.prior, 1e-12));
    for (const row of [...rows].sort((a, b) => b.n - a.n || b.prior - a.prior)) {
      const { stem, point, title, label } = elements[row.edge], [x, y] = [px(row.prior), py(row.share || 0)];
      const known = Number.isFinite(row.prior);
      for (const node of [stem, point, label]) node.style.display = known ? "" : "none";
      if (!known) continue;
      for (const [key, value] of Object.entries({ x1: x, x2: x, y1: py(row.prior), y2: any ? y : py(row.prior) })) stem.setAttribute(key, value);
      point.setAttribute("cx", x);
      point.setAttribute("cy", y);
      point.classList.toggle("rlw-here", view.pinnedEdge() === row.edge);
      title.textContent = `${row.move}: prior ${percent(row.prior)}, ${any ? `${percent(row.share)} of the visits (${row.n} of ${all})` : "no visits yet"}`;
      const wide = 7.2 * row.move.length;
      const places = [[x + 9, y + 4], [x - 9 - wide, y + 4], [x - wide / 2, y - 10], [x - wide / 2, y + 18]];
      const free = places.find(([left, base]) => {
        const own = [left, base - 10, left + wide, base + 2];
        return own[0] >= px(0) && own[2] <= width && own[1] >= 0 && own[3] <= py(0) + 2 && !taken.some((one) => overlap(one, own));
      });
      label.style.display = free ? "" : "none";
      if (!free) continue;
      taken.push([free[0], free[1] - 10, free[0] + wide, free[1] + 2]);
      label.setAttribute("x", free[0]);
      label.setAttribute("y", free[1]);
    }
    const when = `after ${view.k()} simulation${view.k() === 1 ? "" : "s"}`;
    box.note.textContent = any ? `surprise KL(visits ‖ prior) ${surprise.toFixed(3)} nat, ${when}` : `no visits ${when}`;
  }
  return { draw, resize(inner) { width = Math.max(200, inner); axes(); draw(); }, body: box.body };
}
