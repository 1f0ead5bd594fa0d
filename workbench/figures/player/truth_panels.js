/* What the environment says is so: in words, as small maps, and as marks over the pictures. A part of the player's module: player.js says how the parts come together. */

/* Marks differ in form and in colour (Okabe and Ito 2008), and lie on a dark and a light rim, to be seen on any picture. */
const MARK_COLOURS = ["#e69f00", "#56b4e9", "#cc79a7", "#009e73", "#f0e442", "#d55e00", "#0072b2"];
const MARK_FORMS = ["circle", "square", "diamond", "triangle", "cross"];
const SVG = "http://www.w3.org/2000/svg";
const truthShown = { overlay: false, hidden: new Set() }; // outlives the player, so that it holds from episode to episode

function svg(tag, attributes, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  if (parent) parent.appendChild(node);
  return node;
}

/* Where a form's outline runs, about (0, 0), to the radius r. */
function outline(form, r) {
  if (form === "square") return `M${-r} ${-r}H${r}V${r}H${-r}Z`;
  if (form === "diamond") return `M0 ${-r * 1.15}L${r * 1.15} 0L0 ${r * 1.15}L${-r * 1.15} 0Z`;
  if (form === "triangle") return `M0 ${-r * 1.1}L${r * 1.1} ${r * 0.9}L${-r * 1.1} ${r * 0.9}Z`;
  if (form === "cross") return `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}`;
  return `M${-r} 0A${r} ${r} 0 1 1 ${r} 0A${r} ${r} 0 1 1 ${-r} 0Z`;
}

/* The truth labels that are places, each with its mark. */
function placedLabels(payload) {
  return payload.truth.filter((label) => label.kind === "places").map((label, index) => ({
    name: label.name.replaceAll("_", " "), values: decodeArray(label.array), many: label.array.shape[1] > 2,
    colour: MARK_COLOURS[index % MARK_COLOURS.length], form: MARK_FORMS[index % MARK_FORMS.length], radius: 0.44 - 0.05 * (index % 5),
  }));
}

function rimmed(group, d, colour, width) {
  for (const [stroke, share] of [["#000000", 2.2], ["#ffffff", 1.7], [colour, 1]]) {
    svg("path", { d, stroke, fill: "none", "stroke-width": width * share, "stroke-linejoin": "round", "stroke-linecap": "round" }, group);
  }
}

function setPath(group, d) {
  for (const node of group.children) node.setAttribute("d", d);
}

/* A list of squares as one line where each touches the next, else as dots. Padding is left out. */
function squaresPath(places) {
  const points = places.map(([row, column]) => [column + 0.5, row + 0.5]);
  const connected = places.every(([row, column], i) => !i || (Math.abs(row - places[i - 1][0]) <= 1 && Math.abs(column - places[i - 1][1]) <= 1));
  if (connected && points.length > 1) return `M${points.map((point) => point.join(" ")).join("L")}`;
  return points.map(([x, y]) => `M${x} ${y}h0.001`).join("");
}

function pairs(row) {
  const found = [];
  for (let i = 0; i + 1 < row.length; i += 2) if (row[i] >= 0) found.push([row[i], row[i + 1]]);
  return found;
}

/* Marks over a picture that shows the grid: null where it does not. */
function overlay(box, sheet, images, payload, context) {
  const grid = payload.truth.find((label) => label.kind === "grid");
  const labels = images.margin === null || images.margin === undefined || !grid ? [] : placedLabels(payload);
  if (!labels.length) return null;
  const [rows, columns] = grid.grid, m = images.margin;
  const drawing = svg("svg", { viewBox: `${-m} ${-m} ${columns + 2 * m} ${rows + 2 * m}`, preserveAspectRatio: "none", class: "rlw-overlay", "aria-hidden": "true" }, sheet);
  const toggle = make("label", "rlw-toggle", null, box.head);
  const check = make("input", "", null, toggle);
  check.type = "checkbox";
  make("span", "", "true places", toggle);
  toggle.title = "Draw what the environment says about places over the picture; the agent is not told it";
  // One legend for all pictures of the step: the first has it.
  const legend = context.legend ? null : make("div", "rlw-legend", null, box.body);
  context.legend = legend || context.legend;
  for (const label of [...labels].sort((a, b) => Number(b.many) - Number(a.many))) { // lines below, marks above
    label.group = svg("g", {}, drawing);
    rimmed(label.group, "", label.colour, label.many ? 0.11 : 0.08);
  }
  for (const label of legend ? labels : []) {
    const entry = make("button", "rlw-mark", null, legend);
    entry.type = "button";
    const glyph = svg("svg", { viewBox: "-0.75 -0.75 1.5 1.5", width: 16, height: 16, "aria-hidden": "true" }, entry);
    rimmed(glyph, label.many ? "M-0.6 0.4L0 -0.3L0.6 0.2" : outline(label.form, 0.46), label.colour, 0.16);
    make("span", "", label.name, entry);
    entry.title = `Show or hide: ${label.name}`;
    entry.addEventListener("click", () => {
      if (!truthShown.hidden.delete(label.name)) truthShown.hidden.add(label.name);
      context.redraw();
    });
    label.entry = entry;
  }
  check.addEventListener("change", () => { truthShown.overlay = check.checked; context.redraw(); });
  return { draw(t) {
    check.checked = truthShown.overlay;
    drawing.style.display = truthShown.overlay && t !== null ? "" : "none";
    if (legend) legend.style.display = truthShown.overlay ? "" : "none";
    if (!truthShown.overlay || t === null) return;
    for (const label of labels) {
      const hidden = truthShown.hidden.has(label.name);
      if (label.entry) label.entry.setAttribute("aria-pressed", String(!hidden));
      const places = hidden ? [] : pairs(label.values.row(t));
      if (label.many) setPath(label.group, squaresPath(places));
      else {
        setPath(label.group, places.length ? outline(label.form, label.radius) : "");
        if (places.length) label.group.setAttribute("transform", `translate(${places[0][1] + 0.5} ${places[0][0] + 0.5})`);
      }
    }
  } };
}

/* Which of the options a truth label names as an action, one mark a label: {place(row, option), draw(t), finish(parent)}. */
function actionMarks(payload) {
  const labels = payload.truth.filter((label) => label.kind === "action").slice(0, MARK_FORMS.length);
  const single = payload.actions.components && payload.actions.components.length === 1 && payload.actions.distribution.kind !== "bernoulli";
  if (!labels.length || !single) return { place() {}, draw() {}, finish() {} };
  const form = (index, parent) => svg("path", { d: outline(MARK_FORMS[index], 0.5), fill: "none", stroke: "currentColor", "stroke-width": 0.18 },
    svg("svg", { viewBox: "-0.75 -0.75 1.5 1.5", width: 14, height: 14, "aria-hidden": "true" }, parent));
  const legend = make("p", "rlw-hint rlw-truths", "True: ");
  const marks = labels.map((label, index) => {
    const entry = make("span", "", null, legend);
    form(index, entry);
    make("span", "", label.name.replaceAll("_", " "), entry);
    return { values: decodeArray(label.array), first: label.first, cells: [], name: label.name };
  });
  return {
    finish(parent) { parent.appendChild(legend); },
    place(row, option) {
      const cell = make("span", "rlw-truths", null, row);
      cell.style.width = `${labels.length * 17}px`;
      marks.forEach((mark, index) => {
        const slot = make("span", "", null, cell);
        slot.title = mark.name.replaceAll("_", " ");
        form(index, slot);
        mark.cells[option] = slot;
      });
    },
    draw(t) {
      for (const { values, first, cells } of marks) cells.forEach((cell, option) => { cell.style.visibility = values.row(t)[0] - first === option ? "" : "hidden"; });
    },
  };
}

function truthPanel(parent, payload) {
  const box = panel(parent, "True state", "what the environment says is so, hidden from the agent unless it observes it");
  const table = make("div", "rlw-truth", null, box.body);
  const cells = payload.truth.map((label) => {
    const cell = make("div", "rlw-fact", null, table);
    make("span", "rlw-label", label.name.replaceAll("_", " "), cell).title = label.name;
    const values = decodeArray(label.array);
    if (label.kind !== "grid") return { draw: textOf(make("span", "rlw-figure", "", cell), label), values };
    const [rows, columns] = label.grid;
    const canvas = make("canvas", "", null, cell);
    const scale = Math.max(1, Math.floor(66 / Math.max(rows, columns)));
    Object.assign(canvas, { width: columns, height: rows, title: `${rows} × ${columns}, dark is ${number(label.low)}, bright ${number(label.high)}` });
    Object.assign(canvas.style, { width: `${columns * scale}px`, height: `${rows * scale}px` });
    const shades = lookupTable("20242aeef0f2");
    const draw = (row) => {
      canvas.style.visibility = row ? "visible" : "hidden";
      if (!row) return;
      const span = label.high - label.low || 1;
      paint(canvas, Array.from(row, (v) => Math.round(((v - label.low) / span) * 254)), shades, columns, rows);
    };
    return { draw, values };
  });
  const after = make("p", "rlw-hint", "It was not recorded after the last action.", box.body);
  return { draw(t) {
    for (const { draw, values } of cells) draw(t === null ? null : values.row(t));
    after.style.display = t === null ? "" : "none";
  } };
}

/* A label's row as text: padding and what is too long are left out, and it says how much. */
function textOf(figure, label) {
  const words = {
    action: (row) => (row[0] < label.first ? "none" : label.names[row[0] - label.first]),
    bool: (row) => cut(Array.from(row, (v) => (v ? "yes" : "no"))),
    number: (row) => cut(Array.from(row, (v) => number(v))),
    list: (row) => {
      const end = row.indexOf(-1), shown = end < 0 ? row : row.subarray(0, end);
      return `${cut(Array.from(shown, (v) => number(v))) || "none"}${unused(row.length - shown.length)}`;
    },
    places: (row) => {
      const places = pairs(row), told = ([r, c]) => `(${r}, ${c})`;
      if (row.length === 2) return places.length ? `row ${places[0][0]}, column ${places[0][1]}` : "none";
      const many = places.length > 3 ? `${places.length} squares: ${told(places[0])} … ${told(places.at(-1))}` : places.map(told).join(" ") || "none";
      figure.title = places.map(told).join(" ");
      return `${many}${unused(row.length / 2 - places.length)}`;
    },
  };
  return (row) => { figure.textContent = row ? words[label.kind](row) : "–"; };
}

const unused = (count) => (count ? ` · ${count} unused` : "");

function cut(texts) {
  return texts.length > 10 ? `${texts.slice(0, 8).join(", ")} … (${texts.length} numbers)` : texts.join(", ");
}

/* What a probe of a layer says at each step, beside what is true. */
function probePanel(parent, probe) {
  const box = panel(parent, "A probe reads", probe.hint);
  make("p", "rlw-hint", probe.title, box.body);
  const said = decodeArray(probe.said), truth = decodeArray(probe.truth);
  const content = make("div", "", null, box.body), updates = [];
  if (probe.names) {
    const list = make("div", probe.names.length > 14 ? "rlw-rows rlw-options rlw-scroll" : "rlw-rows rlw-options", null, content);
    probe.names.forEach((name, index) => {
      const row = make("div", "rlw-row rlw-action", null, list);
      make("span", "rlw-label", name, row).title = name;
      const bar = make("span", "rlw-bar", null, make("span", "rlw-track", null, row));
      const figure = make("span", "rlw-figure", "", row), tag = make("span", "rlw-tag", "", row);
      updates.push((t) => {
        const share = said.row(t)[index], right = truth.row(t)[0] === index;
        bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
        figure.textContent = number(share, 3);
        row.classList.toggle("rlw-chosen", right);
        tag.textContent = right ? "true" : "";
      });
    });
  } else {
    const cell = make("div", "rlw-fact", null, make("div", "rlw-truth", null, content));
    make("span", "rlw-label", "says · true", cell);
    const figure = make("span", "rlw-figure", "", cell);
    updates.push((t) => { figure.textContent = `${number(said.row(t)[0])} · ${number(truth.row(t)[0])}`; });
  }
  const after = make("p", "rlw-hint", "The layer did not run after the last action.", box.body);
  return { draw(t) {
    content.style.visibility = t === null ? "hidden" : "visible";
    after.style.display = t === null ? "" : "none";
    if (t !== null) for (const update of updates) update(t);
  } };
}
