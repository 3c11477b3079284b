// Numbers, times and shares as one reads them; the same as the tool prints on a terminal.
// SPDX-License-Identifier: Apache-2.0

function threeDigits(number) {
  return number.toFixed(number === 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2);
}

function scaled(number, units) {
  let unit = 0;
  while (number >= 999.5 && unit + 1 < units.length) {
    number /= 1000;
    unit++;
  }
  return (unit === 0 && Number.isInteger(number) ? String(number) : threeDigits(number)) +
    units[unit];
}

export const count = (number) => scaled(number, ["", "k", "M", "G", "T", "P", "E"]);
export const time = (ns) => (ns === 0 ? "0" : scaled(ns, [" ns", " µs", " ms", " s"]));
export const share = (part) => `${Math.round(part * 100)} %`;
export const whole = (number) => number.toLocaleString("en");
export const seconds = (s) => (s < 120 ? `${Math.round(s)} s` : s < 7200
  ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);

export const STATES = ["busy", "waiting", "starved", "blocked", "idle"];

/** The events that a stage passes on; of one that passes on none, those it takes. */
export function rateOf(stage) {
  return stage.per_s.events_out > 0 ? stage.per_s.events_out : stage.per_s.events_in;
}

export function p99Of(stage) {
  return stage.handling !== null && stage.handling.count > 0
    ? `p99 ${time(stage.handling.p99_ns)}` : "";
}

/** "guilty", "calm" or "": how a stage stands in what the look says of the culprit. */
export function guiltOf(look, stage) {
  const culprit = look.culprit;
  const meant = culprit.kind === "worker"
    ? stage.worker === culprit.worker : stage.name === culprit.stage;
  if (!meant || culprit.kind === "none") return "";
  return culprit.kind === "source" ? "calm" : "guilty";
}
