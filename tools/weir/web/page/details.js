// All figures of the stage that is selected; or, when none is, the workers.
// SPDX-License-Identifier: Apache-2.0
import { STATES, count, seconds, share, time, whole } from "./figures.js";

const place = document.getElementById("details");

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

function pairs(entries) {
  const table = element("table");
  for (const [what, figure] of entries) {
    const row = element("tr");
    row.append(element("th", what), element("td", figure));
    table.append(row);
  }
  return table;
}

function grid(heads, lines, guilty = () => false) {
  const table = element("table", undefined, "wide");
  const head = element("tr");
  head.append(...heads.map((each) => element("th", each)));
  table.append(head);
  lines.forEach((line, i) => {
    const row = element("tr", undefined, guilty(i) ? "guilty" : undefined);
    row.append(...line.map((each) => element("td", each)));
    table.append(row);
  });
  return table;
}

function head(title, close) {
  const line = element("div", undefined, "head");
  line.append(element("h2", title));
  if (close !== undefined) {
    const button = element("button", "✕");
    button.title = "the workers again";
    button.addEventListener("click", close);
    line.append(button);
  }
  return line;
}

function showWorkers(look) {
  const culprit = look.culprit;
  return [
    head(`${look.workers.length} workers, ${look.stages.length} stages`),
    grid(["worker", "core", "load", "asleep", "stages", "turns/s", "longest"],
      look.workers.map((each) => [each.index, each.core ?? "any", share(each.load),
        share(each.rest), each.stages, count(each.turns_per_s),
        each.longest_ns === 0 ? "" : time(each.longest_ns)]),
      (i) => culprit.kind === "worker" && look.workers[i].index === culprit.worker),
    element("p", "A click on a stage shows all its figures.", "note"),
  ];
}

function timesOf(title, times) {
  if (times === null || times.count === 0) return [];
  return [element("h3", title), grid(["times", "mean", "p50", "p99", "p99.9", "longest"],
    [[count(times.count), ...["mean", "p50", "p99", "p999", "max"].map((each) =>
      time(times[`${each}_ns`]))]])];
}

function subscriptionsOf(look, number) {
  const line = (each, other) => [other ?? "?", `${count(each.events_per_s)}/s`,
    whole(each.max_demand), share(each.fill), each.waiting === null || each.waiting.count === 0
      ? "" : time(each.waiting.p99_ns)];
  const ins = look.subscriptions.filter((each) => each.to === number);
  const outs = look.subscriptions.filter((each) => each.from === number);
  const heads = ["events", "window", "full", "wait p99"];
  return [
    ...(ins.length > 0 ? [element("h3", "takes from"), grid(["", ...heads],
      ins.map((each) => line(each, each.producer)))] : []),
    ...(outs.length > 0 ? [element("h3", "gives to"), grid(["", ...heads],
      outs.map((each) => line(each, each.consumer)))] : []),
  ];
}

function showStage(look, number, close) {
  const stage = look.stages[number];
  const flow = ["events_in", "events_out", "bytes_in", "batches", "demands", "messages", "turns"];
  const discarded = Object.entries(stage.discarded).filter(([, events]) => events > 0);
  return [
    head(stage.name, close),
    pairs([
      ["kind", stage.kind.replace("_", "-")],
      ["worker", stage.worker],
      ["state now", stage.callback_ns > 0 ? `in a callback for ${time(stage.callback_ns)}`
        : stage.state],
      ["age", seconds(stage.age_s)],
      ["reference", stage.ref],
    ]),
    element("h3", "share of its time"),
    grid(STATES, [STATES.map((state) => share(stage.share[state]))]),
    element("h3", "what it did"),
    grid(["", "a second", "since it began"], [
      ...flow.map((each) => [each.replace("_", " "), count(stage.per_s[each]),
        whole(stage.total[each])]),
      ["restarts", "", whole(stage.total.restarts)],
      ["discards", count(stage.per_s.discards),
        whole(discarded.reduce((sum, [, events]) => sum + events, 0))],
    ]),
    ...timesOf("time to handle a batch", stage.handling),
    ...timesOf("time from the source to here", stage.pipeline),
    element("h3", "what it holds"),
    pairs([
      ["its windows are full", share(stage.fill)],
      ["queued", whole(stage.queued)],
      ["buffered", whole(stage.buffered)],
      ["held", whole(stage.held)],
      ["stashed", whole(stage.stashed)],
      ["open demand", stage.open_demand === null ? "" : whole(stage.open_demand)],
      ...discarded.map(([cause, events]) => [`discarded: ${cause}`, whole(events)]),
    ]),
    ...subscriptionsOf(look, number),
  ];
}

export function showDetails(look, selected, close) {
  const number = look.stages.findIndex((each) => each.ref === selected);
  const top = place.scrollTop;
  place.replaceChildren(...(number < 0 ? showWorkers(look) : showStage(look, number, close)));
  place.scrollTop = top;
}

export function clearDetails() {
  place.replaceChildren();
}
