// Time lines: what each stage did in the last looks, the newest at the right.
// SPDX-License-Identifier: Apache-2.0
import { STATES, count, guiltOf, p99Of, rateOf, share } from "./figures.js";

const LOOKS = 240;
const rows = document.getElementById("rows");
const legend = document.getElementById("legend");
const LEGEND = {
  busy: "at work",
  waiting: "has work, its worker is with another stage",
  starved: "nothing comes",
  blocked: "nobody asks for what it has",
  idle: "neither",
};
let tracks = new Map(); // a stage's shares of each look, by its reference
let drawn = new Map(); // its row

for (const state of STATES) {
  const item = document.createElement("li");
  const colour = document.createElement("i");
  colour.className = state;
  item.title = LEGEND[state];
  item.append(colour, state);
  legend.append(item);
}

/** What the server knows of the time before the page was opened. */
export function beginLines(look, history) {
  tracks = new Map(look.stages.map((stage, i) => {
    const flat = history[i];
    const track = [];
    for (let at = 0; at < flat.length; at += STATES.length) {
      track.push(flat.slice(at, at + STATES.length));
    }
    return [stage.ref, track];
  }));
}

export function addToLines(look) {
  tracks = new Map(look.stages.map((stage) => {
    const track = tracks.get(stage.ref) ?? [];
    track.push(STATES.map((state) => stage.share[state] * 100));
    return [stage.ref, track.slice(-LOOKS)];
  }));
}

function makeRow(stage, select) {
  const element = document.createElement("div");
  element.className = "row";
  const cells = ["name", "line", "rate", "p99"].map((name) => {
    const cell = document.createElement("div");
    cell.className = name;
    element.append(cell);
    return cell;
  });
  const canvas = document.createElement("canvas");
  cells[1].append(canvas);
  element.addEventListener("click", () => select(stage.ref));
  return { element, canvas, cells };
}

function paint(canvas, track, colours) {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, width, height);
  const step = width / LOOKS;
  track.forEach((shares, i) => {
    const left = Math.round((LOOKS - track.length + i) * step);
    const right = Math.round((LOOKS - track.length + i + 1) * step);
    const sum = shares.reduce((a, b) => a + b, 0) || 1;
    let low = height;
    shares.forEach((part, state) => {
      brush.fillStyle = colours[state];
      brush.fillRect(left, low - part / sum * height, right - left, part / sum * height);
      low -= part / sum * height;
    });
  });
}

export function showLines(look, selected, select) {
  const style = getComputedStyle(document.documentElement);
  const colours = STATES.map((state) => style.getPropertyValue(`--${state}`));
  const old = drawn;
  drawn = new Map(look.stages.map((stage) => [stage.ref,
    old.get(stage.ref) ?? makeRow(stage, select)]));
  const order = [...drawn.values()].map((row) => row.element);
  if (order.length !== rows.children.length || order.some((e, i) => e !== rows.children[i])) {
    rows.replaceChildren(...order);
  }
  for (const stage of look.stages) {
    const { element, canvas, cells: [name, , rate, p99] } = drawn.get(stage.ref);
    element.className = `row ${guiltOf(look, stage)} ${stage.ref === selected ? "selected" : ""}`;
    name.textContent = stage.name;
    rate.textContent = `${count(rateOf(stage))}/s`;
    p99.textContent = p99Of(stage);
    element.title = STATES.map((state) => `${state} ${share(stage.share[state])}`).join(", ");
    paint(canvas, tracks.get(stage.ref) ?? [], colours);
  }
}

export function clearLines() {
  tracks = new Map();
  drawn = new Map();
  rows.replaceChildren();
}
