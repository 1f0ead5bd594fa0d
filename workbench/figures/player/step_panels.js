/* The panels of one step: what was seen, what was done, the truth, the moments.
 * A part of the player's module: player.js says how the parts come together.
 *
 * Each takes (parent, data, context) and gives {draw(t), redraw()}: draw moves to row t of the window (null: after the
 * last action), redraw starts afresh after a change of size or theme. `context` has theme(), length, start, seek(step). */

function framePanel(parent, payload, context) {
  const box = panel(parent, "The scene", payload.frames.label, "rlw-frame");
  return picture(box, payload.frames, payload, context, "The environment's picture at this step", payload.frames.width <= 160);
}

/* A picture a step, with the true places over it where they can be placed. */
function picture(box, images, payload, context, description, pixelated) {
  const frame = make("div", "rlw-picture", null, box.body);
  const sheet = make("div", "rlw-sheet", null, frame);
  sheet.style.setProperty("--rlw-aspect", String(images.width / images.height));
  const image = make("img", pixelated ? "rlw-pixelated" : "", null, sheet);
  image.alt = description;
  const marks = overlay(box, sheet, images, payload, context);
  return { draw(t, position) {
    const url = images.urls[Math.min(position, images.urls.length - 1)];
    if (url && url.startsWith("data:image/") && image.src !== url) image.src = url;
    if (marks) marks.draw(t);
  } };
}

/* Numbers with names: each has a bar from 0 between the ends of its scale, and as many decimals as that scale deserves. */
function vectorRows(parent, vector) {
  const values = decodeArray(vector.array);
  const table = make("div", "rlw-rows rlw-numbers", null, parent);
  const rows = vector.names.map((name, index) => {
    const row = make("div", "rlw-row", null, table);
    make("span", "rlw-label", name, row);
    const low = Math.min(0, vector.low[index]), high = Math.max(0, vector.high[index]), span = high - low || 1;
    let whole = true;
    for (let t = 0; t < values.shape[0] && whole; t++) whole = Number.isInteger(values.row(t)[index]);
    const decimals = whole ? 0 : Math.max(0, Math.min(8, 4 - Math.ceil(Math.log10(span))));
    const told = (value) => (value === 0 ? "0" : Number.isFinite(value) && Math.abs(value) < 1e6 ? value.toFixed(decimals).replace("-", "−") : number(value));
    make("span", "rlw-end", told(low), row);
    const track = make("span", "rlw-track", null, row);
    const bar = make("span", "rlw-bar", null, track);
    make("span", "rlw-end rlw-high", told(high), row);
    const figure = make("span", "rlw-figure", "", row);
    if (low < 0 && high > 0) make("span", "rlw-zero", null, track).style.left = `${(-low / span) * 100}%`;
    return { bar, figure, low, span, told };
  });
  return { draw(t, position) {
    const row = values.row(Math.min(position, values.shape[0] - 1));
    rows.forEach(({ bar, figure, low, span, told }, index) => {
      const value = row[index];
      const from = (Math.min(0, value) - low) / span, to = (Math.max(0, value) - low) / span;
      bar.style.left = `${Math.max(0, from) * 100}%`;
      bar.style.width = `${Math.max(0.4, (Math.min(1, to) - Math.max(0, from)) * 100)}%`;
      figure.textContent = told(value);
    });
  } };
}

function observationPanel(parent, observation, payload, context) {
  const title = observation.name ? `Observation: ${observation.name}` : "Observation";
  const box = panel(parent, title, observation.label);
  if (observation.kind === "image") return picture(box, observation, payload, context, "The observation at this step", true);
  if (observation.kind === "cells") return vectorPanel(box, observation, context, true);
  return vectorRows(box.body, observation);
}

function nothingSeen(parent) {
  make("p", "rlw-hint", "The recording holds neither pictures nor observations.", panel(parent, "Observation", "").body);
  return { draw() {} };
}

function actionPanel(parent, payload) {
  const actions = payload.actions;
  const box = panel(parent, "What it did", actions.label);
  const chosen = actions.chosen ? decodeArray(actions.chosen) : null;
  const distribution = actions.distribution;
  box.body.classList.add("rlw-acted");
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
    const truths = actionMarks(payload);
    updates.push((t) => truths.draw(t));
    actions.components.forEach((component, c) => {
      if (component.name) make("h4", "", component.name, content);
      const list = make("div", component.names.length > 14 ? "rlw-rows rlw-options rlw-scroll" : "rlw-rows rlw-options", null, content);
      const start = offset;
      offset += component.options;
      component.names.forEach((name, index) => {
        const row = make("div", "rlw-row rlw-action", null, list);
        make("span", "rlw-label", name, row).title = name;
        const track = make("span", "rlw-track", null, row);
        const bar = make("span", "rlw-bar", null, track);
        const figure = make("span", "rlw-figure", "", row);
        const tag = make("span", "rlw-tag", "", row);
        truths.place(row, index);
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
    truths.finish(content);
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
    const share = make("span", "rlw-unit", "", line);
    cell.title = readout.hint || "";
    return { figure, share, most: readout.most, final: readout.final === null ? "–" : number(readout.final, 4), values: decodeArray(readout.array).values };
  });
  return { draw(t) {
    for (const { figure, share, most, final, values } of cells) {
      figure.textContent = t === null ? final : number(values[t], 4);
      if (most) share.textContent = t === null || !Number.isFinite(values[t]) ? "" : ` · ${((100 * values[t]) / most).toFixed(1)} %`;
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
