// Zoom and pan, light and dark.

const stage = document.getElementById("stage");
const sheet = document.getElementById("sheet");
const room = document.getElementById("room");
let scale = 1;

/** Give the scrolled room the size that the drawing has at this scale. */
function resizeRoom() {
  room.style.width = `${sheet.offsetWidth * scale}px`;
  room.style.height = `${sheet.offsetHeight * scale}px`;
}

/** Zoom, so that a point of the window keeps its place. */
function zoomTo(wanted, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const before = sheet.getBoundingClientRect();
  const frame = stage.getBoundingClientRect();
  const [left, top] = [(frame.x + x - before.x) / scale, (frame.y + y - before.y) / scale];
  scale = Math.min(4, Math.max(0.1, wanted));
  sheet.style.transform = `scale(${scale})`;
  document.getElementById("zoom").textContent = `${Math.round(scale * 100)} %`;
  resizeRoom();
  const after = sheet.getBoundingClientRect();
  stage.scrollLeft += after.x + left * scale - frame.x - x;
  stage.scrollTop += after.y + top * scale - frame.y - y;
}

new ResizeObserver(resizeRoom).observe(sheet);

/** The whole width in the window, if that leaves type of a size to read; `least` is the smallest scale. */
function fit(least = 0.1) {
  zoomTo(Math.max(least, Math.min(1, stage.clientWidth / sheet.offsetWidth)));
}

stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const frame = stage.getBoundingClientRect();
  zoomTo(scale * Math.exp(-event.deltaY / 300), event.clientX - frame.x, event.clientY - frame.y);
}, { passive: false });

let held = null;
stage.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest("button")) return;
  held = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop };
});
window.addEventListener("pointermove", (event) => {
  if (!held) return;
  const [across, down] = [event.clientX - held.x, event.clientY - held.y];
  if (Math.hypot(across, down) > 4) stage.classList.add("held");
  stage.scrollLeft = held.left - across;
  stage.scrollTop = held.top - down;
});
window.addEventListener("pointerup", () => { held = null; });
stage.addEventListener("click", (event) => {  // the end of a drag is no click on what lies there
  if (stage.classList.contains("held")) event.stopPropagation();
  stage.classList.remove("held");
}, { capture: true });

document.getElementById("smaller").addEventListener("click", () => zoomTo(scale / 1.2));
document.getElementById("larger").addEventListener("click", () => zoomTo(scale * 1.2));
document.getElementById("zoom").addEventListener("click", () => zoomTo(1));
document.getElementById("fit").addEventListener("click", () => fit());

const THEMES = ["auto", "light", "dark"];
function setTheme(theme) {
  document.getElementById("theme").textContent = say(`theme: ${theme}`);
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
}
document.getElementById("theme").addEventListener("click", () => {
  const now = document.documentElement.getAttribute("data-theme") || "auto";
  setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});
