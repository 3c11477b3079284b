// The graph: drawn anew when stages or subscriptions come and go, else only filled in anew.
// SPDX-License-Identifier: Apache-2.0
import { HEAD, NODE, layout, linesOf, pathOf } from "./layout.js";
import { STATES, count, guiltOf, p99Of, rateOf, share, time } from "./figures.js";

const BAR = { x: 10, y: 30, width: NODE.width - 20, height: 12 };
const place = document.getElementById("graph");
let drawn = { shape: null };

export function svg(name, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

const ruler = document.createElement("canvas").getContext("2d");

/** A name and its worker in one line: the worker gives way first, then the name. */
function headOf(stage) {
  const family = getComputedStyle(document.body).fontFamily;
  const width = (text, font) => {
    ruler.font = `${font} ${family}`;
    return ruler.measureText(text).width;
  };
  const fits = (name, worker) =>
    width(name, "600 14px") + 8 + width(worker, "12px") <= BAR.width;
  let name = stage.name;
  const worker = [`worker ${stage.worker}`, `w${stage.worker}`].find((each) => fits(name, each)) ??
    `w${stage.worker}`;
  for (let most = name.length; most > 1 && !fits(name, worker);) {
    name = `${stage.name.slice(0, --most)}…`;
  }
  return { name, worker };
}

function drawNode(parent, stage, at, select) {
  const group = svg("g", { class: "node", transform: `translate(${at.x},${at.y})`, tabindex: 0,
    role: "button", "data-stage": stage.name, "aria-label": stage.name }, parent);
  const right = NODE.width - 10;
  const { name, worker } = headOf(stage);
  svg("rect", { class: "halo", x: -6, y: -6, rx: 11, width: NODE.width + 12,
    height: NODE.height + 12 }, group);
  svg("rect", { class: "box", rx: 7, width: NODE.width, height: NODE.height }, group);
  svg("text", { class: "name", x: 10, y: 21 }, group, name);
  svg("text", { class: "faint", x: right, y: 21, "text-anchor": "end" }, group, worker);
  const node = {
    group,
    title: svg("title", {}, group),
    shares: STATES.map((state) => svg("rect", { class: state, y: BAR.y, height: BAR.height },
      group)),
    rate: svg("text", { class: "rate", x: 10, y: 58 }, group),
    p99: svg("text", { class: "faint p99", x: right, y: 58, "text-anchor": "end" }, group),
    state: svg("text", { class: "faint state", x: 10, y: 75 }, group),
    queue: svg("text", { class: "faint", x: right, y: 75, "text-anchor": "end" }, group),
  };
  group.addEventListener("click", () => select(stage.ref));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter") select(stage.ref);
  });
  return node;
}

function drawLine(parent, line, nodes, look) {
  const { path, text } = pathOf(line, nodes);
  const group = svg("g", { class: "edge", "data-from": look.stages[line.from].name,
    "data-to": look.stages[line.to].name }, parent);
  const end = nodes[line.to];
  return {
    line: svg("path", { d: path }, group),
    head: svg("path", { class: "head" }, group),
    tip: [end.x, end.y + NODE.height / 2],
    text: svg("text", { x: text[0], y: text[1] }, group),
    title: svg("title", {}, group),
  };
}

function draw(look, lines, shape, select) {
  const { nodes, width, height } = layout(look, lines);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}` });
  const edges = lines.map((line) => drawLine(picture, line, nodes, look));
  drawn = { shape, picture, width, height, edges,
    nodes: look.stages.map((stage, i) => drawNode(picture, stage, nodes[i], select)) };
  place.replaceChildren(picture);
}

/** As large as there is room for, within what can be read. */
export function fit() {
  if (drawn.shape === null) return;
  const room = place.clientWidth / drawn.width;
  const high = window.innerHeight * 0.54 / drawn.height;
  const scale = Math.max(0.62, Math.min(1.15, room, high));
  drawn.picture.setAttribute("width", Math.floor(drawn.width * scale));
  drawn.picture.setAttribute("height", Math.floor(drawn.height * scale));
}

function fillBar(node, stage) {
  let x = BAR.x;
  STATES.forEach((state, i) => {
    const width = stage.share[state] * BAR.width;
    node.shares[i].setAttribute("x", x);
    node.shares[i].setAttribute("width", width);
    x += width;
  });
}

function queueOf(stage) {
  const kept = stage.buffered + stage.held;
  if (kept > 0) return `${count(kept)} buffered`;
  return stage.queued > 0 ? `${count(stage.queued)} queued` : "";
}

function fillNode(node, look, stage, selected) {
  const most = STATES.reduce((a, b) => (stage.share[b] > stage.share[a] ? b : a));
  node.group.setAttribute("class",
    `node ${guiltOf(look, stage)} ${stage.ref === selected ? "selected" : ""}`);
  node.rate.textContent = `${count(rateOf(stage))}/s`;
  node.p99.textContent = p99Of(stage);
  node.state.textContent = stage.callback_ns > 0
    ? `in a callback for ${time(stage.callback_ns)}` : `${most} ${share(stage.share[most])}`;
  node.queue.textContent = stage.callback_ns > 0 ? "" : queueOf(stage);
  node.title.textContent = [`${stage.name}, on worker ${stage.worker}`,
    ...STATES.map((state) => `${state} ${share(stage.share[state])}`),
    `in ${count(stage.per_s.events_in)}/s, out ${count(stage.per_s.events_out)}/s`].join("\n");
  fillBar(node, stage);
}

const arrow = ([x, y], wide) => `M${x},${y} l${-HEAD},${-wide} v${2 * wide} z`;

/** How full the fullest window is, calmed down over some looks: it is a matter of the moment. */
function fillOf(edge, line, moment) {
  const now = Math.max(...line.subscriptions.map((each) => each.fill));
  if (moment !== edge.moment) {
    edge.fill = edge.fill === undefined ? now : 0.7 * edge.fill + 0.3 * now;
    edge.moment = moment;
  }
  return edge.fill;
}

function fillLine(edge, line, most, moment) {
  const rate = line.subscriptions.reduce((sum, each) => sum + each.events_per_s, 0);
  const fill = fillOf(edge, line, moment);
  const width = 1.5 + 5 * Math.sqrt(most > 0 ? rate / most : 0);
  const colour = `color-mix(in srgb, var(--full) ${Math.round(fill * 100)}%, var(--empty))`;
  edge.line.style.stroke = colour;
  edge.line.style.strokeWidth = width;
  edge.head.style.fill = colour;
  edge.head.setAttribute("d", arrow(edge.tip, 4 + width));
  edge.text.textContent = `${count(rate)}/s`;
  edge.title.textContent = line.subscriptions.map((each) =>
    `${each.producer} → ${each.consumer}: ` +
    `${count(each.events_per_s)}/s, window ${each.max_demand}, ${share(each.fill)} full`)
    .join("\n");
}

export function showGraph(look, selected, select) {
  const lines = linesOf(look);
  const shape = JSON.stringify([look.stages.map((each) => [each.ref, each.worker, each.depth]),
    lines.map((line) => line.key)]);
  if (shape !== drawn.shape) {
    draw(look, lines, shape, select);
  }
  fit();
  look.stages.forEach((stage, i) => fillNode(drawn.nodes[i], look, stage, selected));
  const rateOfLine = (line) => line.subscriptions.reduce((sum, each) => sum + each.events_per_s, 0);
  const most = Math.max(0, ...lines.map(rateOfLine));
  lines.forEach((line, i) => fillLine(drawn.edges[i], line, most, look.moment_ns));
}

export function clearGraph() {
  drawn = { shape: null };
  place.replaceChildren();
}
