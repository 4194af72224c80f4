// Opened from a disk a page may not read another one: what a search finds is listed without a piece of each page.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
addEventListener("DOMContentLoaded", () => {
  // The theme gives the signs that open a part of the navigation no name.
  for (const sign of document.querySelectorAll("nav summary:not([aria-label])")) {
    sign.setAttribute("aria-label", `Pages below ${sign.closest("li").querySelector("a").textContent.trim()}`);
  }
  // The menu of versions. Another version may lack the page: then its first page is opened.
  for (const menu of document.querySelectorAll("select.versions")) {
    const { page, root } = menu.dataset;
    for (const version of window.netspecVersions) {
      const chosen = version === menu.dataset.this;
      menu.append(new Option(version, version, chosen, chosen));
    }
    menu.hidden = false;
    menu.addEventListener("change", async () => {
      const there = new URL(`${root}../${menu.value}/`, location.href);
      const same = new URL(page, there);
      const found = location.protocol !== "file:" && await fetch(same, { method: "HEAD" }).then(answer => answer.ok, () => false);
      location.href = found ? same : new URL("index.html", there);
    });
  }
});
