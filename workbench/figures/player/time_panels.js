/* The timelines of an episode. A part of the player's module: player.js says how the parts come together. */

const GLYPHS = { value: "value_drop", entropy: "high_entropy", reward: "against_mode" }; // which moments stand above which line

/* Least and most of what is finite; 0 and 0 where nothing is. */
function rangeOf(low, high) {
  let least = Infinity, most = -Infinity;
  for (const v of low) if (Number.isFinite(v) && v < least) least = v;
  for (const v of high) if (Number.isFinite(v) && v > most) most = v;
  return least > most ? [0, 0] : [least, most];
}

/* Round steps, as many as have room. */
function stepTicks(last, width) {
  const wanted = Math.max(1, last / Math.max(1, width / 70)), power = 10 ** Math.floor(Math.log10(wanted));
  const each = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= wanted) * power);
  return Array.from({ length: Math.floor(last / each) + 1 }, (_, i) => i * each);
}

function timelinePanel(parent, payload, context) {
  const box = panel(parent, "Over the episode", payload.timeline.label);
  const charts = payload.timeline.series.map((series) => {
    const row = make("div", "rlw-chart", null, box.body);
    const head = make("div", "rlw-chart-head", null, row);
    const name = make("span", "", null, head);
    make("strong", "", series.label, name);
    make("span", "rlw-unit", ` ${series.unit}`, name);
    head.title = series.hint;
    const figure = make("span", "rlw-figure", "", head);
    const canvas = make("canvas", "rlw-seekable", null, row);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${series.label} over the episode`);
    const low = decodeArray(series.low).values, high = decodeArray(series.high).values;
    const [least, most] = rangeOf(low, high);
    return { series, canvas, figure, low, high, least, most, exact: decodeArray(series.array).values, tall: least < most ? 66 : 34, still: document.createElement("canvas") };
  });
  charts.at(-1).axis = 13; // the steps stand under the last one
  const total = Math.max(1, payload.episode.last), lastAction = Math.max(0, payload.episode.length - 1);
  const margin = MARGIN;
  const seek = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect(), inner = bounds.width - margin.left - margin.right;
    const share = (event.clientX - bounds.left - margin.left) / inner;
    const away = (moment) => Math.abs(moment.step / total - share) * inner;
    const kind = GLYPHS[charts.find(({ canvas }) => canvas === event.currentTarget).series.key];
    const marked = event.clientY - bounds.top <= TOP ? payload.moments.filter((moment) => moment.kind === kind && away(moment) <= 6) : [];
    if (marked.length) context.seek(marked.reduce((best, moment) => (away(moment) < away(best) ? moment : best)).step);
    else context.seek(Math.round(Math.min(1, Math.max(0, share)) * total));
  };
  for (const { canvas } of charts) {
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); seek(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  }
  const plot = (chart, width) => {
    const theme = context.theme(), axis = chart.axis || 0;
    const g = fitCanvas(chart.still, width, chart.tall + axis);
    g.clearRect(0, 0, width, chart.tall + axis);
    const inner = width - margin.left - margin.right, tall = chart.tall - 5 - TOP;
    let { least: low, most: high } = chart;
    if (low > 0 && low < 0.3 * high) low = 0;
    const flat = low === high;
    const x = (share) => margin.left + share * inner, y = (v) => TOP + (flat ? 0.5 : 1 - (v - low) / (high - low)) * tall;
    if (payload.window.start > 0 || payload.window.stop < payload.episode.length) {
      g.fillStyle = theme.dark ? "rgba(255,255,255,0.06)" : "rgba(0,0,0,0.045)";
      const from = x(payload.window.start / total);
      g.fillRect(from, 0, x(Math.min(1, payload.window.stop / total)) - from, tall + TOP);
    }
    g.font = `11px ${theme.font}`;
    g.textAlign = "right";
    g.strokeStyle = theme.line;
    const marks = flat ? [low] : low < 0 && high > 0 && Math.min(-low, high) > 0.25 * (high - low) ? [low, 0, high] : [low, high];
    const texts = ticks(marks);
    for (const v of marks) {
      g.fillStyle = theme.muted;
      g.textBaseline = flat ? "middle" : v === high ? "top" : v === low ? "bottom" : "middle";
      g.fillText(texts[marks.indexOf(v)], margin.left - 8, y(v) + (flat ? 0 : v === high ? -4 : v === low ? 3 : 0));
      g.beginPath(); g.moveTo(margin.left, y(v)); g.lineTo(width - margin.right, y(v)); g.stroke();
    }
    const colour = theme.series[chart.series.key] || theme.series.other;
    const count = chart.low.length;
    g.strokeStyle = colour; g.fillStyle = colour; g.lineWidth = count > inner ? 0.8 : 1.6; g.lineJoin = "round";
    if (payload.timeline.steps_per_bin > 1) {
      g.globalAlpha = 0.75;
      for (let i = 0; i < count; i++) {
        if (!Number.isFinite(chart.low[i])) continue;
        const top = y(chart.high[i]);
        g.fillRect(x((i * payload.timeline.steps_per_bin) / total), top, Math.max(1.2, inner / count), Math.max(1.2, y(chart.low[i]) - top));
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
    for (const moment of payload.moments) {
      if (moment.kind !== GLYPHS[chart.series.key]) continue;
      g.font = `10px ${theme.font}`;
      g.fillText(MOMENT_WORDS[moment.kind][0], x(moment.step / total), 9);
    }
    if (axis) {
      g.font = `11px ${theme.font}`;
      g.fillStyle = theme.muted;
      g.textBaseline = "bottom";
      const bottomLine = chart.tall + axis;
      g.textAlign = "right"; g.fillText("step", margin.left - 8, bottomLine);
      const end = g.measureText(String(lastAction)).width;
      g.fillText(String(lastAction), Math.max(x(lastAction / total) + 4, x(0) + end), bottomLine);
      g.textAlign = "center";
      for (const step of stepTicks(lastAction, inner)) if (x(step / total) < x(lastAction / total) - end - 14) g.fillText(String(step), x(step / total), bottomLine);
    }
  };
  let width = 0;
  return {
    redraw() {
      width = Math.max(200, box.body.clientWidth);
      for (const chart of charts) plot(chart, width);
    },
    draw(t, position) {
      if (!width) this.redraw();
      const theme = context.theme();
      const step = payload.window.start + position;
      for (const chart of charts) {
        const tall = chart.tall + (chart.axis || 0);
        const g = fitCanvas(chart.canvas, width, tall);
        g.clearRect(0, 0, width, tall);
        g.drawImage(chart.still, 0, 0, width, tall);
        const px = margin.left + (Math.min(step, total) / total) * (width - margin.left - margin.right);
        g.strokeStyle = theme.text; g.lineWidth = 1;
        g.beginPath(); g.moveTo(px, 0); g.lineTo(px, chart.tall - 5); g.stroke();
        chart.figure.textContent = t === null ? "–" : number(chart.exact[t], 4);
      }
    },
  };
}
