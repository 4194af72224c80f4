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
      const found = await fetch(same, { method: "HEAD" }).then(answer => answer.ok, () => false);
      location.href = found ? same : new URL("index.html", there);
    });
  }
});
