/* The timelines of an episode. A part of the player's module: player.js says how the parts come together. */

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
