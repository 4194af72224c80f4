// The page: its networks, the search, the keys.

const DATA = JSON.parse(document.getElementById("data").textContent);
/** Boxes that may be seen at first. */
const AT_FIRST = 40;

/** What stands directly inside an item. */
function inside(item) {
  if (item.kind === "unit") return item.layers;
  if (item.kind === "join") return item.branches.flatMap((branch) => branch.items);
  return item.items || [];
}

const netOfTop = new Map();
function netOf(item) {
  while (parentOf.has(item)) item = parentOf.get(item);
  return netOfTop.get(item);
}

/** Every item of a network that has a box, from the input to the output. */
function everything(net) {
  const found = [];
  const add = (item, around) => {
    if (around) parentOf.set(item, around);
    else netOfTop.set(item, net);
    if (item.kind !== "unit") found.push(item);
    inside(item).forEach((inner) => add(inner, item));
  };
  net.items.forEach((item) => add(item, null));
  return found;
}

/** Give each finding to the box of the item that it is about, the first where there are several. */
function place(net, items) {
  for (const finding of net.findings) {
    finding.element = () => make("div", `said ${finding.severity}`, `${say(finding.severity)}: ${finding.message}${finding.help ? ` — ${finding.help}` : ""}`);
    const head = finding.item;
    finding.item = (head && items.find((item) => item.line === head[0] && item.column === head[1])) || null;
    if (finding.item) findingsOf.set(finding.item, [...(findingsOf.get(finding.item) || []), finding]);
  }
}

/** Open blocks from the outside in, as long as few boxes are seen. */
function openSome(items) {
  let seen = 0;
  let level = items;
  while (level.length) {
    const blocks = [];
    const look = (item) => {
      seen += 1;
      if (item.kind === "group") blocks.push(item);
      else inside(item).forEach(look);
    };
    level.forEach(look);
    if (seen > AT_FIRST || !blocks.length) return;
    const next = blocks.flatMap((block) => block.items);
    if (seen + next.length > AT_FIRST) return;
    blocks.forEach((block) => setOpen(block, true));
    level = next;
  }
}

/** The drawing of one network. */
function drawing(net) {
  const parts = [make("h2", "", net.title)];
  if (net.params) parts.push(make("p", "", [say("{} parameters", net.params.text), say("{} MACs", net.macs.text), layersText(net.layers)].join(" · ")), bars(net));
  if (net.findings.length) {
    parts.push(make("ul", "findings", net.findings.map((finding) => {
      const button = make("button", finding.severity, `${say(finding.severity)}[${finding.code}] ${finding.place}: ${finding.message}`, { type: "button" });
      button.addEventListener("click", () => (finding.item ? focusItem(finding.item) : showSpec(net)));
      return make("li", "", button);
    })));
  }
  for (const { name, shape } of net.inputs || []) parts.push(make("div", "end", [`${name} `, make("b", "", shape)]));
  if (net.items.length) parts.push(make("div", "chain", [chainApart(net.items) ? make("div", "gap") : wire("", {}), chain(net.items), wire("", {})], { role: "tree", "aria-label": net.title }));
  for (const { name, shape } of net.outputs || []) parts.push(make("div", "end", [`${name} `, make("b", "", shape)]));
  return make("section", "net", parts);
}

// ---- focus

let current = null;

/** Open what is around an item, go there, and tell of it. */
function focusItem(item) {
  const around = [];
  for (let outer = parentOf.get(item); outer; outer = parentOf.get(outer)) if (outer.kind === "group") around.unshift(outer);
  around.forEach((block) => { if (elementOf.get(block).getAttribute("aria-expanded") !== "true") setOpen(block, true); });
  const element = elementOf.get(item);
  elementOf.get(current)?.setAttribute("tabindex", "-1");
  current = item;
  element.setAttribute("tabindex", "0");
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
  showDetails(item);
}

function seen() {
  return [...sheet.querySelectorAll("[role=treeitem]")].filter((element) => element.getClientRects().length);
}

function step(by) {
  const all = seen();
  const at = all.indexOf(elementOf.get(current));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  if (next) focusItem(itemOf.get(next));
}

const isOpen = (item) => elementOf.get(item).getAttribute("aria-expanded");

function right() {
  if (isOpen(current) === "false") setOpen(current, true);
  else step(1);
}

function left() {
  if (isOpen(current) === "true") return setOpen(current, false);
  let outer = parentOf.get(current);
  while (outer && outer.kind === "unit") outer = parentOf.get(outer);
  if (outer) focusItem(outer);
}

sheet.addEventListener("mousemove", (event) => {
  if (!event.movementX && !event.movementY) return;  // the page was scrolled below a mouse that rests
  const element = event.target.closest("[role=treeitem]");
  if (element) showDetails(itemOf.get(element));
});
sheet.addEventListener("mouseleave", () => { if (current) showDetails(current); });
sheet.addEventListener("click", (event) => {
  const element = event.target.closest("[role=treeitem]");
  if (element && !event.target.closest(".bar-of-group")) focusItem(itemOf.get(element));
});

// ---- search

const search = document.getElementById("search");
let hits = [];
let hit = -1;

function lookFor(words) {
  hits.forEach((item) => elementOf.get(item)?.classList.remove("hit"));
  const wanted = words.trim().toLowerCase();
  hits = wanted ? items.filter((item) => [item.title, item.name, item.arguments, item.path, item.brief].join(" ").toLowerCase().includes(wanted)) : [];
  hits.forEach((item) => elementOf.get(item)?.classList.add("hit"));
  hit = -1;
  document.getElementById("found").textContent = wanted ? say("{} found", hits.length) : "";
}

function nextHit(by) {
  if (!hits.length) return;
  hit = (hit + by + hits.length) % hits.length;
  focusItem(hits[hit]);
  elementOf.get(hits[hit]).classList.add("hit");
  document.getElementById("found").textContent = say("{} of {} found", hit + 1, hits.length);
  search.focus({ preventScroll: true });
}

search.addEventListener("input", () => lookFor(search.value));
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
  else if (event.key === "Escape") {
    search.value = "";
    lookFor("");
    if (current) focusItem(current);
    else search.blur();
  } else return;
  event.preventDefault();
  event.stopPropagation();
});

// ---- keys

const KEYS = {
  ArrowDown: () => step(1), ArrowUp: () => step(-1), ArrowRight: right, ArrowLeft: left,
  Enter: () => { if (isOpen(current)) setOpen(current, isOpen(current) !== "true"); },
  Home: () => focusItem(itemOf.get(seen()[0])), End: () => focusItem(itemOf.get(seen().at(-1))),
};
KEYS[" "] = KEYS.Enter;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === search) return;
  const anywhere = { "/": () => search.focus(), "+": () => zoomTo(scale * 1.2), "-": () => zoomTo(scale / 1.2), 0: () => zoomTo(1) };
  anywhere.Escape = () => { elementOf.get(current)?.blur(); current = null; showSpec(DATA.nets[0]); };
  const action = anywhere[event.key] || (event.target.closest?.("[role=treeitem]") && current ? KEYS[event.key] : null);
  if (!action) return;
  event.preventDefault();
  action();
});

document.getElementById("open").addEventListener("click", () => items.forEach((item) => { if (item.kind === "group") setOpenWithin(item); }));
document.getElementById("close").addEventListener("click", () => items.filter((item) => item.kind === "group" && elementOf.has(item)).forEach((item) => setOpen(item, false)));

/** Open a block that is there already, or is made by opening the one around it. */
function setOpenWithin(item) {
  if (elementOf.has(item)) setOpen(item, true);
}

// ---- begin

const items = DATA.nets.flatMap((net) => {
  const all = everything(net);
  place(net, all);
  return all;
});
sheet.append(...DATA.nets.map(drawing));
DATA.nets.forEach((net) => openSome(net.items));
const first = seen()[0];
if (first) first.setAttribute("tabindex", "0");
sheet.addEventListener("focusin", (event) => {
  if (event.target.matches("[role=treeitem]") && itemOf.get(event.target) !== current) focusItem(itemOf.get(event.target));
});
showSpec(DATA.nets[0]);
setTheme(document.documentElement.getAttribute("data-theme") || "auto");
fit(0.8);
stage.scrollLeft = (stage.scrollWidth - stage.clientWidth) / 2;
