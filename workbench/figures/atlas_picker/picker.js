// Reports which points of a Plotly map are clicked or circled.
//
// Streamlit's own way of reporting them draws the whole map again at every click, twice, which takes long with 50,000
// points. This listens to the map from beside it, so that a click costs no more than what is shown for it.
//
// data: { plot: class of the element that holds the map, figure: names the map, so that a late report is told apart }
// reports `picked`: { figure, count, points: { number of the trace: [numbers of its points] } }

let count = 0;

function listen(root, plot, report) {
  // On what holds the listeners, and not on the plot: where Plotly begins anew in the same place, they are gone.
  plot._ev.rlwListens = root;
  const gather = (event) => {
    const points = {};
    for (const point of event?.points ?? []) (points[point.curveNumber] ??= []).push(point.pointIndex ?? point.pointNumber);
    return points;
  };
  plot.on("plotly_click", (event) => { mark(plot, event); report(gather(event)); });
  plot.on("plotly_selected", (event) => { if (event?.points?.length) { mark(plot, null); report(gather(event)); } });
  plot.on("plotly_deselect", () => { mark(plot, null); report({}); });
  plot.on("plotly_relayout", () => mark(plot, null));
}

function mark(plot, event) {
  plot.querySelector(".rlw-ring")?.remove();
  const point = event?.points?.[0];
  if (!point) return;
  const { _size: size, xaxis, yaxis } = plot._fullLayout;
  const ring = document.createElement("div");
  ring.className = "rlw-ring";
  ring.style.cssText = "position:absolute;width:18px;height:18px;margin:-9px 0 0 -9px;border:2.5px solid #111;" +
    "border-radius:50%;box-shadow:0 0 0 1.5px #fff;pointer-events:none;z-index:5;";
  ring.style.left = `${size.l + xaxis.d2p(point.x)}px`;
  ring.style.top = `${size.t + yaxis.d2p(point.y)}px`;
  plot.style.position = "relative";
  plot.appendChild(ring);
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".rlw-picker");
  root.report = (points) => setStateValue("picked", { figure: data.figure, count: ++count, points });
  const look = () => {
    const plot = document.querySelector(`.${data.plot} .js-plotly-plot`);
    if (plot?._ev && plot._ev.rlwListens !== root) listen(root, plot, (points) => root.report(points));
  };
  look();
  // The map may come later than this, and another one in its place.
  clearInterval(root.looking);
  root.looking = setInterval(look, 250);
  return () => clearInterval(root.looking);
}
