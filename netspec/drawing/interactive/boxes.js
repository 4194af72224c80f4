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

function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
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
  if (item.kind === "group") return chainApart(item.items);
  return item.kind === "join" && !item.inputJoins && !item.training && item.branches.every((branch) => chainApart(branch.items));
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

/** Mark an element as one of the tree that arrow keys walk through. */
function treeItem(element, item, label) {
  element.setAttribute("role", "treeitem");
  element.setAttribute("tabindex", "-1");
  element.setAttribute("aria-label", label);
  elementOf.set(item, element);
  itemOf.set(element, item);
  for (const finding of findingsOf.get(item) || []) {
    element.classList.add("wrong");
    element.append(make("div", "said", `${finding.severity}: ${finding.message}`));
  }
  return element;
}

function layerBox(layer) {
  const counts = layer.params.text === "0" ? [] : [make("small", "", `${layer.params.text} parameters`)];
  const head = make("div", "head", [make("strong", "", layer.title), ...counts]);
  const inside = [head];
  if (layer.brief) inside.push(make("div", "brief", layer.brief));
  if (layer.name) inside.push(make("div", "called", layer.name));
  const box = make("div", "box layer", inside, { "data-family": layer.family });
  return treeItem(box, layer, `${layer.title} ${layer.brief}, gives ${layer.output}`);
}

function groupBox(group) {
  const title = group.count > 1 ? `${group.title} ×${group.count}` : group.title;
  const words = [make("span", "fold-title", title)];
  if (group.round) words.push(make("small", "", group.round));
  words.push(make("small", "", `${plural(group.layers, "layer")}, ${group.params.text} parameters`));
  const bar = make("div", "bar-of-group", words);
  const inside = make("div", "", [], { role: "group", hidden: "" });
  const box = make("div", `box group${group.count > 1 ? " repeated" : ""}`, [bar, inside], { "aria-expanded": "false" });
  bar.addEventListener("click", () => { setOpen(group, box.getAttribute("aria-expanded") !== "true"); focusItem(group); });
  return treeItem(box, group, `block ${title}, ${plural(group.layers, "layer")}, gives ${group.output}`);
}

/** Open or close a block. Its inside is made when it is first opened. */
function setOpen(group, open) {
  const box = elementOf.get(group);
  const inside = box.querySelector(":scope > [role=group]");
  if (open && !inside.hasChildNodes()) {
    inside.append(chainApart(group.items) ? make("div", "gap") : wire(group.input), chain(group.items), wire(group.output, { arrow: false }));
  }
  inside.hidden = !open;
  box.setAttribute("aria-expanded", String(open));
}

/** The branches of a combinator side by side between two rails, and what joins them. */
function joinBox(join) {
  const apart = join.branches.map(({ items }) => chainApart(items));
  const branches = join.branches.map(({ key, items, output }, index) => {
    const identity = items.length === 0;
    const first = apart[index] ? make("div", "gap") : wire(identity ? "" : join.part ? `part ${index + 1}` : "", { arrow: !identity });
    const last = wire(join.ordered || identity || join.branches.length > 1 ? output : "", { arrow: false, number: join.ordered ? index + 1 : 0 });
    return make("div", `branch${apart[index] ? "" : " taking"}`, [first, chain(items), make("div", "rest"), last], { "data-key": key });
  });
  if (join.inputJoins) branches.push(make("div", "branch taking", [wire(join.input, { arrow: false }), make("div", "rest")]));
  const sign = treeItem(make("div", join.sign ? "box join sign" : "box join", join.sign || join.title), join, `${join.title}, gives ${join.output}`);
  const beside = make("div", "branches", branches);
  if (branches.length > 1 && (join.inputJoins || apart.includes(false))) {
    beside.append(make("i", "rail"));
    rails.observe(beside);
  }
  return make("div", "chain", [beside, wire("", { arrow: true }), sign]);
}

/** Layers that run in training alone: a frame beside the way of the value, which goes on unchanged. */
function trainingBox(join) {
  const inside = join.branches.map(({ items }) => chain(items));
  const bar = make("div", "bar-of-group", [make("span", "fold-title", `${join.title}: in training only`)]);
  const box = make("div", "box group training", [bar, make("div", "", inside, { role: "group" })], { "aria-expanded": "true" });
  bar.addEventListener("click", () => setOpen(join, box.getAttribute("aria-expanded") !== "true"));
  return treeItem(box, join, `${join.title}: in training only`);
}

function box(item) {
  switch (item.kind) {
    case "unit": return make("div", "unit", item.layers.map(layerBox));
    case "layer": return layerBox(item);
    case "group": return groupBox(item);
    case "join": return item.training ? trainingBox(item) : joinBox(item);
    case "name": return treeItem(make("div", "name", `as ${item.title}`), item, `named ${item.title}`);
    default: return treeItem(make("div", "box value", item.title), item, `value ${item.title}, gives ${item.output}`);
  }
}

/** Items one below the other, with what flows from one to the next. */
function chain(items) {
  const parts = [];
  items.forEach((item, index) => {
    parts.push(box(item));
    if (index < items.length - 1) {
      const next = items[index + 1];
      const quiet = item.kind === "name" || next.kind === "name";
      parts.push(beginsApart(next) ? make("div", "gap") : wire(quiet ? "" : item.output, { arrow: !quiet }));
    }
  });
  return make("div", "chain", parts);
}
