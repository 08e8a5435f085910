// What pages gain where scripts run: times and forms in the reader's zone, menus that close, rows that are chosen, keys. All of it is
// comfort: every page works without.
"use strict";
(() => {
  const formats = {
    plain: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
    full: new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" }),
  };

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[data-local]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = formats.full.format(at) + " (" + time.dateTime + ")";
      time.textContent = formats.plain.format(at);
      time.removeAttribute("data-local");
    }
  }

  // ---- rows that can be chosen

  function count(form) {
    const boxes = [...form.querySelectorAll("input[data-choose]")];
    const chosen = boxes.filter((box) => box.checked).length;
    // Beyond this page: all that the filters find.
    const found = form.querySelector("input[data-choose-found]")?.checked;
    for (const output of form.querySelectorAll("[data-chosen]")) output.textContent = found ? "all chosen" : chosen + " chosen";
    for (const button of form.querySelectorAll(".bulkbar button:not([data-always])")) button.disabled = chosen === 0 && !found;
    const all = form.querySelector("input[data-choose-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }

  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("input[data-choose]");
    if (!box || !box.form) return;
    if (event.shiftKey && last && last.form === box.form) {
      const boxes = [...box.form.querySelectorAll("input[data-choose]")];
      const ends = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      if (ends[0] >= 0) for (const one of boxes.slice(ends[0], ends[1] + 1)) one.checked = box.checked;
    }
    last = box;
    count(box.form);
  });
  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.matches?.("input[data-choose-all]") && target.form) {
      for (const box of target.form.querySelectorAll("input[data-choose]")) box.checked = target.checked;
      count(target.form);
    }
    if (target.matches?.("input[data-choose-found]") && target.form) count(target.form);
    if (target.matches?.("[data-submit]") && target.form) target.form.requestSubmit();
  });

  // ---- menus, double clicks, keys

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) return event.preventDefault();
    for (const words of form.querySelectorAll("[data-searching]")) words.hidden = false;
    if (form.method === "post" && !form.target && !form.hasAttribute("hx-post") && !form.hasAttribute("data-again")) {
      form.dataset.sent = "1";
      setTimeout(() => delete form.dataset.sent, 4000);
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const words of document.querySelectorAll("[data-searching]")) words.hidden = true;
  });

  // Whoever talks to a computer, or hits keys by chance, switches single keys off; a browser remembers that.
  const OFF = "weir-keys-off";
  const keysAreOff = () => { try { return localStorage.getItem(OFF) !== null; } catch { return false; } };

  function keysSwitch(root) {
    for (const box of root.querySelectorAll("input[data-keys]")) {
      box.checked = !keysAreOff();
      box.closest("[data-keys-part]").hidden = false;
      box.addEventListener("change", () => {
        try { box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "yes"); } catch { box.checked = true; }
      });
    }
  }

  function rowKeys(key) {
    const rows = [...document.querySelectorAll("tr[data-row]")];
    if (!rows.length) return false;
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    const focus = (at) => rows[Math.max(0, Math.min(rows.length - 1, at))].querySelector("a[href]")?.focus();
    if (key === "j") focus(now + 1);
    else if (key === "k") focus(now < 0 ? 0 : now - 1);
    else if (key === "x" && now >= 0) rows[now].querySelector("input[data-choose]")?.click();
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details[data-menu][open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || keysAreOff()) return;
    if (event.key === "/") {
      const search = document.querySelector("[data-search], input[type=search]");
      if (search) { search.focus(); event.preventDefault(); }
      return;
    }
    if (rowKeys(event.key)) return event.preventDefault();
    // A page names keys for its own links and buttons: data-key="n".
    const named = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
    if (named) { named.click(); event.preventDefault(); }
  });

  function prepare(root) {
    localTimes(root);
    keysSwitch(root);
    for (const part of root.querySelectorAll("[data-with-scripts]")) part.hidden = false;
    for (const zone of root.querySelectorAll("input[data-own-zone]")) zone.value = formats.plain.resolvedOptions().timeZone;
    for (const form of document.querySelectorAll("form[data-bulk]")) count(form);
  }
  prepare(document);
  // Lines may have come into another part than the one that was asked for.
  document.addEventListener("htmx:afterSettle", (event) => { prepare(event.target); localTimes(document); });
  // A refused part is shown where it was to stand: it says why.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400 && event.detail.xhr.responseText) event.detail.shouldSwap = true;
  });
})();
