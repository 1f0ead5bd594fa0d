/* Boards as SVG. A part of the viewer's module: viewer.js says how the parts come together.
 *
 * board = {kind: "discs" | "marks" | "hexagons" | "grid", rows, columns, cells, action_cells} as `boards.board_payload` gives it; the
 * two players' colours (Okabe and Ito 2008) are told apart by readers with colour-blindness, and marks have shapes, too. */

const STONES = [null, { fill: "#e69f00", edge: "#8a5f00", ink: "#1c1300" }, { fill: "#0072b2", edge: "#003f63", ink: "#ffffff" }];
const MOST_LABELLED = 64; // cells; smaller ones have no room for their names
const UNIT = 40;
const nameSize = (most, columns) => most * Math.min(1, columns / 6.5); // a cell of a small board is drawn larger, its name is not

function shape(name, attributes, parent, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

/* Where the middle of a cell is, and how large the picture must be. */
function geometry(board) {
  if (board.kind !== "hexagons") {
    const above = board.kind === "discs" ? 0.62 : 0.1;
    return {
      at: (row, column) => [(column + 0.5) * UNIT, (row + 0.5 + above) * UNIT], above: above * UNIT,
      width: board.columns * UNIT, height: (board.rows + above + (board.kind === "discs" ? 0.55 : 0.1)) * UNIT,
    };
  }
  const wide = UNIT * 0.98, tall = wide * 0.866, pad = UNIT * 0.3;
  return {
    at: (row, column) => [pad + (column + 0.5 + row * 0.5) * wide, pad + (row * tall + wide * 0.58)], above: 0, wide, pad,
    width: 2 * pad + (board.columns + (board.rows - 1) * 0.5) * wide, height: 2 * pad + (board.rows - 1) * tall + wide * 1.16,
  };
}

const hexagon = (x, y, wide) => Array.from({ length: 6 }, (_, i) => {
  const angle = Math.PI / 6 + (i * Math.PI) / 3, radius = wide * 0.577;
  return `${(x + radius * Math.cos(angle)).toFixed(2)},${(y + radius * Math.sin(angle)).toFixed(2)}`;
});

/* A board in an element: show({cells, last, numbers: {cell: text}, shares: {action: 0…1}, legal, player}) draws it again. */
function boardView(parent, board, names, { onAction = null, label = "Board" } = {}) {
  const { rows, columns, kind } = board;
  const cellsOfActions = decodeArray(board.action_cells).values;
  const place = geometry(board);
  const svg = shape("svg", { viewBox: `0 0 ${place.width} ${place.height}`, class: `rlw-board rlw-board-${kind}`, role: "img", "aria-label": label }, parent);
  const ground = shape("g", {}, svg), stones = shape("g", {}, svg), over = shape("g", {}, svg);
  const named = new Map(); // the action that names a cell
  for (let action = 0; action < cellsOfActions.length / 2; action++) {
    const [row, column] = [cellsOfActions[2 * action], cellsOfActions[2 * action + 1]];
    if (row >= 0) named.set(row * columns + column, action);
  }
  const middle = (cell) => place.at(Math.floor(cell / columns), cell % columns);

  if (kind === "discs") shape("rect", { x: 0, y: place.above, width: place.width, height: rows * UNIT, rx: 7, class: "rlw-frame" }, ground);
  for (let cell = 0; cell < rows * columns; cell++) {
    const [x, y] = middle(cell);
    if (kind === "discs") shape("circle", { cx: x, cy: y, r: UNIT * 0.41, class: "rlw-hole" }, ground);
    else if (kind === "hexagons") shape("polygon", { points: hexagon(x, y, place.wide).join(" "), class: "rlw-cell" }, ground);
    else shape("rect", { x: x - UNIT * 0.5, y: y - UNIT * 0.5, width: UNIT, height: UNIT, class: "rlw-cell" }, ground);
  }
  if (kind === "discs") {
    for (let action = 0; action < cellsOfActions.length / 2; action++) {
      const column = cellsOfActions[2 * action + 1];
      shape("text", { x: (column + 0.5) * UNIT, y: place.height - UNIT * 0.14, class: "rlw-file", style: `font-size: ${nameSize(12, columns)}px` }, ground, names[action]);
    }
  }
  if (kind === "hexagons") hexSides(ground, place, rows, columns);

  function stone(cell, owner) {
    const [x, y] = middle(cell), { fill, edge } = STONES[owner];
    if (kind === "marks" && owner === 1) {
      const d = UNIT * 0.27;
      shape("path", { d: `M${x - d} ${y - d}L${x + d} ${y + d}M${x + d} ${y - d}L${x - d} ${y + d}`, stroke: fill, class: "rlw-mark-stroke" }, stones);
    } else if (kind === "marks") shape("circle", { cx: x, cy: y, r: UNIT * 0.28, stroke: fill, fill: "none", class: "rlw-mark-stroke" }, stones);
    else shape("circle", { cx: x, cy: y, r: UNIT * (kind === "hexagons" ? 0.36 : 0.41), fill, stroke: edge, "stroke-width": 1.2 }, stones);
  }

  function sign(cell, owner, text) {
    const [x, y] = middle(cell), ink = kind === "marks" ? "currentColor" : STONES[owner].ink;
    if (text) shape("text", { x, y: y + UNIT * 0.13, fill: ink, class: kind === "marks" ? "rlw-number rlw-number-beside" : "rlw-number" }, over, text);
    else if (kind === "marks") shape("rect", { x: x - UNIT * 0.46, y: y - UNIT * 0.46, width: UNIT * 0.92, height: UNIT * 0.92, class: "rlw-last-square" }, over);
    else shape("circle", { cx: x, cy: y, r: UNIT * 0.14, fill: ink, class: "rlw-last" }, over);
  }

  function share(action, part) {
    const row = cellsOfActions[2 * action], column = cellsOfActions[2 * action + 1];
    if (!(part > 0)) return;
    if (row < 0) {
      const tall = Math.max(1.5, part * place.above * 0.94);
      shape("rect", { x: (column + 0.2) * UNIT, y: place.above - 2 - tall, width: UNIT * 0.6, height: tall, rx: 2, class: "rlw-share" }, over);
      return;
    }
    const [x, y] = place.at(row, column);
    shape("circle", { cx: x, cy: y, r: Math.max(2, UNIT * 0.42 * Math.sqrt(part)), class: "rlw-share rlw-share-cell" }, over);
  }

  function button(action, player) {
    const row = cellsOfActions[2 * action], column = cellsOfActions[2 * action + 1];
    const common = { class: "rlw-press", tabindex: 0, role: "button", "aria-label": `Play ${names[action]}`, "data-action": action, style: `--rlw-stone: ${STONES[player + 1].fill}` };
    let node;
    if (row < 0) node = shape("rect", { ...common, x: column * UNIT, y: 0, width: UNIT, height: place.above + rows * UNIT }, over);
    else if (kind === "hexagons") node = shape("polygon", { ...common, points: hexagon(...place.at(row, column), place.wide).join(" ") }, over);
    else { const [x, y] = place.at(row, column); node = shape("rect", { ...common, x: x - UNIT / 2, y: y - UNIT / 2, width: UNIT, height: UNIT }, over); }
    node.addEventListener("click", () => onAction(action));
    node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onAction(action); } });
  }

  function show({ cells, last = -1, numbers = {}, shares = {}, legal = [], player = 0 }) {
    stones.replaceChildren();
    over.replaceChildren();
    for (let cell = 0; cell < rows * columns; cell++) {
      if (cells[cell]) stone(cell, cells[cell]);
      else if (kind !== "discs" && named.has(cell) && rows * columns <= MOST_LABELLED) {
        const [x, y] = middle(cell);
        const size = nameSize(9.5, columns);
        const at = kind === "hexagons" ? { x, y: y + UNIT * 0.08, style: `font-size: ${size}px` }
          : { x: x - UNIT * 0.45, y: y - UNIT * 0.45 + size * 0.8, style: `text-anchor: start; font-size: ${size}px` };
        shape("text", { ...at, class: "rlw-cell-name" }, over, names[named.get(cell)]);
      }
    }
    for (const [action, part] of Object.entries(shares)) share(Number(action), part);
    for (const [cell, text] of Object.entries(numbers)) if (cells[cell]) sign(Number(cell), cells[cell], text);
    if (last >= 0 && cells[last] && !numbers[last]) sign(last, cells[last], "");
    if (onAction) for (const action of legal) button(action, player);
  }
  return { svg, show, cellOf: (action) => (cellsOfActions[2 * action] < 0 ? -1 : cellsOfActions[2 * action] * columns + cellsOfActions[2 * action + 1]) };
}

/* The first player joins top and bottom, the second left and right: each side wears its player's colour. */
function hexSides(parent, place, rows, columns) {
  const radius = place.wide * 0.577, half = place.wide / 2;
  const line = (points, owner) => shape("polyline", { points: points.map((p) => p.map((v) => v.toFixed(2)).join(",")).join(" "), stroke: STONES[owner].fill, class: "rlw-side" }, parent);
  const top = [], bottom = [], left = [], right = [];
  for (let column = 0; column < columns; column++) {
    const [x, y] = place.at(0, column), [u, v] = place.at(rows - 1, column);
    top.push([x - half, y - radius / 2 - 3], [x, y - radius - 3], [x + half, y - radius / 2 - 3]);
    bottom.push([u - half, v + radius / 2 + 3], [u, v + radius + 3], [u + half, v + radius / 2 + 3]);
  }
  for (let row = 0; row < rows; row++) {
    const [x, y] = place.at(row, 0), [u, v] = place.at(row, columns - 1);
    left.push([x - half - 3, y - radius / 2], [x - half - 3, y + radius / 2]);
    right.push([u + half + 3, v - radius / 2], [u + half + 3, v + radius / 2]);
  }
  line(top, 1); line(bottom, 1); line(left, 2); line(right, 2);
}

/* The cell that a move changed: where two boards differ; −1 where they do not. */
function changedCell(before, after) {
  for (let cell = 0; cell < after.length; cell++) if (before[cell] !== after[cell]) return cell;
  return -1;
}
