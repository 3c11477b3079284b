// Where the stages of a graph lie: in layers from left to right, so that few lines cross.
// SPDX-License-Identifier: Apache-2.0

export const NODE = { width: 190, height: 84 };
export const HEAD = 12; // an arrow's
const GAP = { x: 92, y: 20 }; // between layers; between the nodes of one
const MARGIN = 16;
const BEND = 14; // the height that a line takes where it passes a layer
const SWEEPS = 6;

/** Subscriptions between the same two stages are one line. */
export function linesOf(look) {
  const lines = new Map();
  for (const each of look.subscriptions) {
    if (each.from === null || each.to === null) continue;
    const key = `${each.from} ${each.to}`;
    const line = lines.get(key) ?? { key, from: each.from, to: each.to, subscriptions: [] };
    line.subscriptions.push(each);
    lines.set(key, line);
  }
  return [...lines.values()];
}

function link(one, other) {
  one.right.push(other);
  other.left.push(one);
}

/** The nodes by layers; a line that passes layers has a bend in each of them. */
function layersOf(stages, lines) {
  const node = (height) => ({ height, left: [], right: [] });
  const nodes = stages.map(() => node(NODE.height));
  const layers = [];
  const put = (depth, each) => {
    while (layers.length <= depth) layers.push([]);
    layers[depth].push(each);
    each.depth = depth;
  };
  stages.forEach((stage, i) => put(stage.depth, nodes[i]));
  for (const line of lines) {
    line.bends = [];
    let last = nodes[line.from];
    for (let depth = last.depth + 1; depth < nodes[line.to].depth; depth++) {
      const bend = node(BEND);
      put(depth, bend);
      link(last, bend);
      line.bends.push(bend);
      last = bend;
    }
    if (last.depth < nodes[line.to].depth) link(last, nodes[line.to]);
  }
  return { nodes, layers };
}

/** Each layer in the order of the means of its neighbours, now from the left, now from the right.
 */
function untangle(layers) {
  const number = (layer) => layer.forEach((node, i) => { node.order = i - layer.length / 2; });
  const mean = (node, side) => (node[side].length === 0 ? node.order
    : node[side].reduce((sum, each) => sum + each.order, 0) / node[side].length);
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const leftwards = sweep % 2 === 1;
    for (const layer of leftwards ? [...layers].reverse() : layers) {
      for (const node of layer) node.mean = mean(node, leftwards ? "right" : "left");
      layer.sort((a, b) => a.mean - b.mean);
      number(layer);
    }
  }
}

/** Places for nodes and bends, { x, y } of their left upper corners, and the size of it all. */
export function layout(look, lines) {
  const { nodes, layers } = layersOf(look.stages, lines);
  untangle(layers);
  const heightOf = (layer) => layer.reduce((sum, node) => sum + node.height + GAP.y, -GAP.y);
  const height = Math.max(0, ...layers.map(heightOf));
  layers.forEach((layer, depth) => {
    let y = MARGIN + (height - heightOf(layer)) / 2;
    for (const node of layer) {
      node.x = MARGIN + depth * (NODE.width + GAP.x);
      node.y = y;
      y += node.height + GAP.y;
    }
  });
  const width = layers.length * (NODE.width + GAP.x) - GAP.x;
  return { nodes, width: width + 2 * MARGIN, height: height + 2 * MARGIN };
}

/** The line as a path, and where its text stands. */
export function pathOf(line, nodes) {
  const from = nodes[line.from];
  const to = nodes[line.to];
  const begin = [from.x + NODE.width, from.y + NODE.height / 2];
  const end = [to.x - HEAD, to.y + NODE.height / 2];
  if (to.depth <= from.depth) { // it goes back: below them
    const low = Math.max(from.y, to.y) + NODE.height + GAP.y / 2;
    return {
      path: `M${begin} C${begin[0] + 50},${low} ${begin[0]},${low} ${begin[0] - 30},${low}` +
        ` L${end[0] + 30},${low} C${end[0]},${low} ${end[0] - 50},${low} ${end}`,
      text: [(begin[0] + end[0]) / 2, low - 4],
    };
  }
  let path = `M${begin}`;
  let at = begin;
  const bow = (to) => {
    const middle = (at[0] + to[0]) / 2;
    path += ` C${middle},${at[1]} ${middle},${to[1]} ${to}`;
  };
  for (const bend of line.bends) {
    const y = bend.y + BEND / 2;
    bow([bend.x, y]);
    at = [bend.x + NODE.width, y];
    path += ` L${at}`;
  }
  bow(end);
  return { path, text: [(at[0] + end[0]) / 2, (at[1] + end[1]) / 2 - 8] };
}
