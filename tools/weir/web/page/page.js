// What the server tells, and how it is shown.
// SPDX-License-Identifier: Apache-2.0
import { seconds } from "./figures.js";
import { clearGraph, fit, showGraph } from "./graph.js";
import { addToLines, beginLines, clearLines, showLines } from "./lines.js";
import { clearDetails, showDetails } from "./details.js";

const at = (id) => document.getElementById(id);
let source = null;
let last = null; // the last message
let life = null; // which runtime the time lines are of
let moment = 0; // the last look that is in them
let selected = null; // a stage's reference
let paused = false;

function select(ref) {
  selected = ref === selected ? null : ref;
  show();
}

function showRuntimes(message) {
  const list = at("runtimes");
  const options = message.runtimes.map(({ id, program, ended }) =>
    `${program} (${id})${ended ? ", ended" : ""}`);
  if (options.join("\n") !== list.dataset.shown) {
    list.replaceChildren(...message.runtimes.map(({ id }, i) => new Option(options[i], id)));
    list.dataset.shown = options.join("\n");
  }
  list.value = message.runtime;
}

function showCulprit(look) {
  const { kind, text } = look.culprit;
  at("culprit").textContent = text;
  at("culprit").dataset.kind = kind;
  at("culprit").className = kind === "none" || kind === "source" ? "" : "guilty";
}

function showNothing() {
  at("culprit").textContent = "No program of yours writes counters: start one with " +
    "WEIR_COUNTERS=1 in its environment, and it comes here.";
  at("culprit").className = "";
  at("about").textContent = "";
  clearGraph();
  clearLines();
  clearDetails();
}

/** Draws the last message, unless that is stopped. */
function show() {
  if (last === null) return;
  const { look, ended } = last;
  showRuntimes(last);
  at("ended").hidden = ended === null;
  at("ended").textContent = ended === null ? ""
    : `${ended} The figures are those of its last ${last.every_s} s.`;
  document.body.classList.toggle("over", ended !== null);
  if (look === null) {
    showNothing();
    return;
  }
  const age = (Date.now() * 1e6 - look.opened_utc_ns) / 1e9;
  document.title = `${look.program}: weir`;
  at("about").textContent = `${look.mode}, library ${look.library}` +
    (ended === null ? `, open for ${seconds(age)}` : "");
  showCulprit(look);
  showGraph(look, selected, select);
  showLines(look, selected, select);
  showDetails(look, selected, () => select(selected));
}

/** Time lines go on while the picture is stopped. */
function take(message) {
  const { look, history } = message;
  if (look !== null) {
    const now = `${message.runtime} ${look.opened_utc_ns}`;
    if (history !== undefined) {
      beginLines(look, history);
    } else if (now !== life) {
      clearLines();
    } else if (look.moment_ns > moment) {
      addToLines(look);
    }
    life = now;
    moment = look.moment_ns;
  }
  if (paused) return;
  last = message;
  show();
}

/** Listens to a runtime, or with null to whichever there is; `note` says why. */
function connect(runtime, note = "") {
  source?.close();
  source = new EventSource(`events${runtime === null ? ""
    : `?runtime=${encodeURIComponent(runtime)}`}`);
  source.onopen = () => { at("link").textContent = note; };
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) {
      at("link").textContent = "the connection is lost; trying again";
    } else if (runtime !== null) { // the server does not know it
      connect(null, `there is no runtime ${runtime}`);
    } else {
      at("link").textContent = "weir web has ended";
    }
  };
}

function pause() {
  paused = !paused;
  at("pause").textContent = paused ? "Go on" : "Pause";
  at("link").textContent = paused ? `stopped at ${new Date().toLocaleTimeString()}` : "";
}

at("pause").addEventListener("click", pause);
at("runtimes").addEventListener("change", (event) => {
  const runtime = event.target.value;
  window.history.replaceState(null, "", `?runtime=${runtime}`);
  selected = null;
  if (paused) pause();
  connect(runtime);
});
document.addEventListener("keydown", (event) => {
  if (event.key === " " && !["BUTTON", "SELECT"].includes(event.target.tagName)) {
    event.preventDefault();
    pause();
  } else if (event.key === "Escape" && selected !== null) {
    select(selected);
  }
});
window.addEventListener("resize", () => { fit(); show(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
connect(new URLSearchParams(location.search).get("runtime"));
