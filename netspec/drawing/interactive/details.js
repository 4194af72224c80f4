// What is said of one thing beside the drawing: shapes, derivation, cost, the line of the spec; bars of where they are.

const METRICS = [["params", "parameters"], ["macs", "MACs"], ["memory", "memory"]];

function amount(metric, count) {
  if (count.number === null) return count.text;
  return metric === "memory" ? bytesText(count.number) : count.text;
}

function share(count, whole) {
  if (!count.number || !whole.number) return "";
  const percent = (100 * count.number) / whole.number;
  return ` (${percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)} %)`;
}

/** Lines of the spec, with findings below those that they are about. */
function specLines(net, from, to, here) {
  const lines = net.text.split("\n");
  const shown = [];
  for (let number = Math.max(1, from); number <= Math.min(to, lines.length); number += 1) {
    shown.push(make("span", number === here ? "here" : "", lines[number - 1] || " ", { "data-line": number }));
    for (const finding of net.findings.filter((f) => f.line === number)) shown.push(finding.element());
  }
  return make("pre", "", shown);
}

function pair(term, words) {
  return words ? [make("dt", "", term), make("dd", "", words)] : [];
}

/** Show what is known of an item. */
function showDetails(item) {
  const net = netOf(item);
  const facts = [
    ...pair(say("name"), item.name),
    ...pair(say("arguments"), item.arguments),
    ...pair(say("takes"), item.input),
    ...pair(say("gives"), item.output),
    ...(item.derivation || []).flatMap((line) => pair(say("because"), line)),
    ...Object.entries(item.parameters || {}).flatMap(([name, shape]) => pair(name, shape)),
    ...(item.layers && !Array.isArray(item.layers) ? pair(say("layers"), String(item.layers)) : []),
    ...METRICS.flatMap(([key, noun]) => (item[key] && item[key].text !== "0" ? pair(say(noun), amount(key, item[key]) + share(item[key], net[key])) : [])),
    ...pair(say("path"), item.path),
    ...pair(say("line"), item.setting ? `--set ${item.setting}` : item.line ? say("{} of {}", item.line, net.source) : ""),
  ];
  const title = item.count > 1 ? `${item.title} ×${item.count}` : item.title;
  const parts = [make("h2", "", title), make("dl", "", facts)];
  if (item.line) parts.push(specLines(net, item.line - 3, item.line + 3, item.line));
  document.getElementById("details").replaceChildren(...parts);
}

/** Show the whole spec with its findings. */
function showSpec(net) {
  const lines = net.text.split("\n").length;
  const parts = [make("h2", "", net.source), specLines(net, 1, lines, 0)];
  document.getElementById("details").replaceChildren(...parts);
}

/** The family that has most of a count in an item. */
function family(item, metric) {
  const most = new Map();
  const add = (inner) => {
    if (inner.kind === "layer") most.set(inner.family, (most.get(inner.family) || 0) + (inner[metric].number || 0));
    inside(inner).forEach(add);
  };
  add(item);
  return [...most].sort((a, b) => b[1] - a[1])[0]?.[0] || "shape";
}

function count(item, metric) {
  if (item.kind === "unit") return item.layers.reduce((sum, layer) => sum + (layer[metric].number || 0), 0);
  return item[metric]?.number || 0;
}

function titleOf(item) {
  if (item.kind === "unit") return `${item.layers[0].title} ${item.layers[0].brief}`.trim();
  return item.count > 1 ? `${item.title} ×${item.count}` : item.title;
}

/** One bar for each count: where in the network it is. */
function bars(net) {
  const parts = METRICS.flatMap(([metric, noun]) => {
    const whole = net[metric].number;
    if (!whole) return [];
    const sorted = net.items.filter((item) => count(item, metric)).sort((a, b) => count(b, metric) - count(a, metric));
    const percent = (item) => `${((100 * count(item, metric)) / whole).toFixed(1)} %`;
    const segments = net.items.filter((item) => count(item, metric)).map((item) => {
      const segment = make("span", "", [], { title: `${titleOf(item)}: ${percent(item)}`, "data-family": family(item, metric) });
      segment.style.flex = `${count(item, metric)} 0 0`;
      segment.addEventListener("click", () => focusItem(item.kind === "unit" ? item.layers[0] : item));
      return segment;
    });
    const told = sorted.slice(0, 8).map((item) => `${titleOf(item)} ${percent(item)}`).join(", ");
    return [
      make("span", "", say(noun), metric === "memory" ? { title: say("bytes of what the layers give, for one example") } : {}),
      make("div", "bar", segments, { role: "img", "aria-label": `${say(noun)}: ${told}` }),
      make("span", "most", say("most in {}, {}", titleOf(sorted[0]), percent(sorted[0]))),
    ];
  });
  return make("div", "bars", parts);
}
