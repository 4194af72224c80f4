// Boxes of layers, blocks and joins, made of the data when they are first seen.

const SVG_ARROW = "arrow";

/** An element with a class, texts or elements inside, and attributes. Texts are never read as markup. */
function make(tag, className, inside = [], attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[inside].flat());
  return element;
}

/** The elements of what is drawn, by the data of it. */
const elementOf = new Map();
/** The data of what is drawn, by its element. */
const itemOf = new WeakMap();
/** The block around each item; undefined at the top. */
const parentOf = new Map();
/** The findings about each item. */
const findingsOf = new Map();

/** Words in the language of the page, with values in the place of `{}`, one after the other. */
function say(words, ...values) {
  let at = 0;
  return (DATA.words[words] || words).replaceAll("{}", () => values[at++]);
}

/** `1 layer`, `2 layers`; the table of words has a language's form for all numbers, where it has but one. */
function layersText(count) {
  return say(count === 1 ? "{} layer" : "{} layers", count.toLocaleString("en"));
}

function bytesText(count) {
  let unit = 0;
  while (count >= 1024 && unit < 4) { count /= 1024; unit += 1; }
  return `${unit ? count.toFixed(1) : count} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

/** A line with an arrow, and what flows along it. */
function wire(shape, { arrow = true, number = 0, name = "" } = {}) {
  const words = [];
  if (number) words.push(make("b", "", `${number} `));
  if (name) words.push(make("b", "", `${name} `));
  const inside = shape ? [make("span", "", [...words, shape])] : [];
  if (shape && arrow) inside.push(make("i", ""));
  return make("div", arrow ? `wire ${SVG_ARROW}` : "wire", inside);
}

/** Whether an item begins with another value, or with one that it makes itself: what flows towards it goes nowhere. */
function beginsApart(item) {
  if (!item) return false;
  if (item.kind === "value") return true;
  if (item.kind === "unit") return item.layers[0].source;
  if (item.kind === "layer") return item.source;
  if (item.kind === "group") return !item.training && chainApart(item.items);
  return item.kind === "join" && !item.inputJoins && item.branches.every((branch) => chainApart(branch.items));
}

/** The same of items in a row. A name takes what flows, unless it is that of something else. */
function chainApart(items) {
  return beginsApart(items.find((item) => item.kind !== "name" || item.here));
}

/** What leads to a join's branches, from the middle to each that takes what flows. */
const rails = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const middle = (element) => element.offsetLeft + element.offsetWidth / 2;
  const ends = [target.offsetWidth / 2, ...[...target.querySelectorAll(":scope > .taking")].map(middle)];
  const rail = target.querySelector(":scope > .rail");
  rail.style.left = `${Math.min(...ends) - 1}px`;
  rail.style.width = `${Math.max(...ends) - Math.min(...ends) + 2}px`;
}));

/** Words for those who hear the page, and see neither wires nor what stands around. */
function unseen(words) {
  return make("span", "unseen", ` ${words}`);
}

/** Mark an element as one of the tree that arrow keys walk through. It is called by what it says, and by no other words. */
function treeItem(element, item) {
  element.setAttribute("role", "treeitem");
  element.setAttribute("tabindex", "-1");
  elementOf.set(item, element);
  itemOf.set(element, item);
  for (const finding of findingsOf.get(item) || []) {
    element.classList.add(finding.severity === "error" ? "wrong" : "doubtful");
    element.append(make("div", `said ${finding.severity}`, `${say(finding.severity)}: ${finding.message}`));
  }
  return element;
}

function layerBox(layer) {
  const counts = layer.params.text === "0" ? [] : [make("small", "", say("{} parameters", layer.params.text))];
  const head = make("div", "head", [make("strong", "", layer.title), ...counts]);
  const inside = [head];
  if (layer.brief) inside.push(make("div", "brief", layer.brief));
  if (layer.name) inside.push(make("div", "called", layer.name));
  inside.push(unseen(say("gives {}", layer.output)));
  return treeItem(make("div", "box layer", inside, { "data-family": layer.family }), layer);
}

/** A block: its bar is the item of the tree, which opens and closes what stands below it. */
function block(item, bar, inside, className, open) {
  inside.id = `inside-${(block.count = (block.count || 0) + 1)}`;
  treeItem(bar, item);
  bar.setAttribute("aria-owns", inside.id);
  bar.setAttribute("aria-expanded", String(open));
  bar.addEventListener("click", () => { setOpen(item, bar.getAttribute("aria-expanded") !== "true"); focusItem(item); });
  return make("div", className, [bar, inside]);
}

function groupBox(group) {
  const title = group.count > 1 ? `${group.title} ×${group.count}` : group.title;
  const words = [make("span", "fold-title", title)];
  if (group.training) words.push(make("small", "", say("training only")));
  if (group.round) words.push(make("small", "", group.round));
  words.push(make("small", "", `${layersText(group.layers)}, ${say("{} parameters", group.params.text)}`));
  words.push(...group.crossing.map((names) => make("small", "", names)));
  words.push(unseen(say("block, gives {}", group.output)));
  const bar = make("div", "bar-of-group", words);
  const inside = make("div", "", [], { role: "group", hidden: "" });
  return block(group, bar, inside, `box group${group.count > 1 ? " repeated" : ""}`, false);
}

/** Open or close a block. Its inside is made when it is first opened. */
function setOpen(group, open) {
  const bar = elementOf.get(group);
  const inside = bar.nextElementSibling;
  if (open && !inside.hasChildNodes()) {
    inside.append(chainApart(group.items) ? make("div", "gap") : wire(group.input), chain(group.items), wire(group.output, { arrow: false }));
  }
  inside.hidden = !open;
  bar.setAttribute("aria-expanded", String(open));
}

/** The branches of a combinator side by side between two rails, and what joins them. */
function joinBox(join) {
  const apart = join.branches.map(({ items }) => chainApart(items));
  const branches = join.branches.map(({ key, items, output }, index) => {
    const identity = items.length === 0;
    const first = apart[index] ? make("div", "gap") : wire(identity ? "" : join.part ? say("part {}", index + 1) : "", { arrow: !identity });
    const last = wire(join.ordered || identity || join.branches.length > 1 ? output : "", { arrow: false, number: join.ordered ? index + 1 : 0 });
    return make("div", `branch${apart[index] ? "" : " taking"}`, [first, chain(items), make("div", "rest"), last], { "data-key": key });
  });
  if (join.inputJoins) branches.push(make("div", "branch taking", [wire(join.input, { arrow: false }), make("div", "rest")]));
  const words = [join.sign || join.title, unseen(`${join.sign ? join.title : ""} ${say("gives {}", join.output)}`)];
  const sign = treeItem(make("div", join.sign ? "box join sign" : "box join", words), join);
  const beside = make("div", "branches", branches);
  if (branches.length > 1 && (join.inputJoins || apart.includes(false))) {
    beside.append(make("i", "rail"));
    rails.observe(beside);
  }
  return make("div", "chain", [beside, wire("", { arrow: true }), sign]);
}

/** Layers that run in training alone: a block beside the way of the value, which goes on unchanged. */
function trainingBox(head) {
  const frame = groupBox(head);
  frame.classList.add("training");
  return make("div", "aside", [make("i", "through"), make("div", "head-of-training", frame)]);
}

function box(item) {
  switch (item.kind) {
    case "unit": return make("div", "unit", item.layers.map(layerBox));
    case "layer": return layerBox(item);
    case "group": return item.training ? trainingBox(item) : groupBox(item);
    case "join": return joinBox(item);
    case "name": return treeItem(make("div", "name", say("as {}", item.title)), item);
    default: return treeItem(make("div", "box value", [item.title, unseen(say("gives {}", item.output))]), item);
  }
}

/** Items one below the other, with what flows from one to the next. */
function chain(items) {
  const parts = [];
  items.forEach((item, index) => {
    parts.push(box(item));
    if (index < items.length - 1) {
      const next = items[index + 1];
      const quiet = item.kind === "name" || next.kind === "name" || next.training;
      const said = item.kind === "name" || item.training || next.kind === "name" ? "" : item.output;
      parts.push(beginsApart(next) ? make("div", "gap") : wire(said, { arrow: !quiet }));
    }
  });
  return make("div", "chain", parts);
}
