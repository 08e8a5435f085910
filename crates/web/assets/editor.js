// The editor of a text that is checked while it is edited: the words that the check means are underlined in the text itself, and what
// is wrong with them stands right below their line while one points at them or is in that line. The list below the editor has it all
// as well, and is there without scripts.
"use strict";
(() => {
  const area = document.querySelector("textarea[data-checked]");
  if (!area) return;
  const list = document.querySelector(area.dataset.checked);
  const says = document.querySelector("#check-says");
  // Letters beyond which words are underlined in the list only: each key would lay the whole text out again.
  const MOST = 200_000;

  const under = document.createElement("div");
  under.className = "under";
  under.setAttribute("aria-hidden", "true");
  const sheet = under.appendChild(document.createElement("div"));
  const note = document.createElement("div");
  note.className = "note";
  note.hidden = true;
  area.parentElement.append(under, note);

  // Where the words are in `text`, with the entry of the list that speaks of them.
  let marks = [];
  let text = area.value;
  // The text that was sent to be checked: what comes back speaks of that one.
  let sent = text;
  // The line whose note was put away by Escape.
  let closed = -1;

  // ---- marks

  function read() {
    const entries = [...list.querySelectorAll("[data-from]")];
    marks = entries.map((entry) => ({ entry, wrong: entry.classList.contains("error"), from: +entry.dataset.from, to: +entry.dataset.to, words: [] }));
    text = sent;
    follow();
    area.setAttribute("aria-invalid", list.querySelector(".error") !== null);
    const summary = list.querySelector("[data-summary]")?.textContent;
    const number = list.querySelectorAll(".diagnostic").length;
    // Said aloud once, not after each pause.
    const words = summary && number ? summary + " " + number + " below." : summary;
    if (words && says.textContent !== words) says.textContent = words;
  }

  // Marks stay on their words while something else is edited; words that are edited themselves lose theirs until the next check.
  function follow() {
    const before = text, after = area.value;
    text = after;
    if (before !== after && marks.length) {
      const most = Math.min(before.length, after.length);
      let head = 0, tail = 0;
      while (head < most && before.charCodeAt(head) === after.charCodeAt(head)) head += 1;
      while (tail < most - head && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1;
      const by = after.length - before.length;
      marks = marks.filter((mark) => mark.to <= head || mark.from >= before.length - tail);
      for (const mark of marks) if (mark.to > head) { mark.from += by; mark.to += by; }
    }
    draw();
  }

  // What is underlined: the words; where none are meant, the letter that follows or the line's last one. Nothing in an empty line.
  function range(mark) {
    const from = Math.min(mark.from, text.length), to = Math.min(mark.to, text.length);
    const letter = (at) => at >= 0 && at < text.length && text[at] !== "\n";
    if (from < to) return [from, to];
    if (letter(from)) return [from, from + 1];
    return letter(from - 1) ? [from - 1, from] : [from, from];
  }

  // The same text up to the last line with a mark, with the marked words as elements.
  function draw() {
    sheet.replaceChildren();
    for (const mark of marks) mark.words = [];
    if (marks.length && text.length <= MOST) fill();
    place();
  }

  function fill() {
    const ranges = marks.map(range);
    const cuts = [...new Set(ranges.flat())].sort((a, b) => a - b);
    const underline = (words, meant) => {
      const over = marks.filter((_, n) => meant(...ranges[n]));
      if (!over.length) return false;
      const part = document.createElement("u");
      part.className = over.some((mark) => mark.wrong) ? "error" : "warning";
      part.textContent = words;
      sheet.append(part);
      for (const mark of over) mark.words.push(part);
      return true;
    };
    let at = 0;
    for (const [n, cut] of cuts.entries()) {
      sheet.append(text.slice(at, cut));
      at = cut;
      underline("\u00a0", (from, to) => from === cut && to === cut);
      const next = cuts[n + 1];
      if (next && underline(text.slice(cut, next), (from, to) => from <= cut && next <= to)) at = next;
    }
    const end = text.indexOf("\n", at);
    sheet.append(text.slice(at, end < 0 ? text.length : end));
  }

  // Over what can be seen of the text, and scrolled like it.
  function place() {
    under.style.width = area.clientWidth + 2 + "px";
    under.style.height = area.clientHeight + 2 + "px";
    sheet.style.transform = "translate(" + -area.scrollLeft + "px," + -area.scrollTop + "px)";
    tell();
  }

  // ---- what is wrong, below its line

  const line = (at) => text.slice(0, at).split("\n").length;
  // What the pointer is on, and what of it is told.
  let beneath = [], pointed = [];

  function tell() {
    let over = pointed.filter((mark) => marks.includes(mark));
    // One may point at the note itself; the one of the line that is edited lets clicks through to the line below.
    note.style.pointerEvents = over.length ? "auto" : "none";
    if (!over.length && document.activeElement === area) {
      const here = line(area.selectionStart);
      if (here !== closed) {
        closed = -1;
        over = marks.filter((mark) => line(mark.from) === here);
      }
    }
    const words = over.find((mark) => mark.words.length)?.words[0].getClientRects()[0];
    const box = area.getBoundingClientRect();
    const seen = words && words.bottom > box.top && words.bottom < box.bottom;
    if (seen) {
      note.replaceChildren(...over.map(told));
      note.style.top = words.bottom - box.top + 5 + "px";
    }
    note.hidden = !seen;
  }

  function told(mark) {
    const one = document.createElement("div");
    one.append(...[...mark.entry.querySelectorAll("[data-says]")].map((part) => part.cloneNode(true)));
    return one;
  }

  area.addEventListener("mousemove", (event) => {
    const hit = (box) => event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom + 2;
    const now = marks.filter((mark) => mark.words.some((words) => [...words.getClientRects()].some(hit)));
    if (now.length === beneath.length && now.every((mark, n) => mark === beneath[n])) return;
    beneath = pointed = now;
    tell();
  });
  for (const part of [area, note]) {
    part.addEventListener("mouseleave", (event) => {
      if (event.relatedTarget === area || note.contains(event.relatedTarget)) return;
      beneath = pointed = [];
      tell();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || note.hidden) return;
    closed = line(area.selectionStart);
    pointed = [];
    tell();
  });
  for (const kind of ["keyup", "click", "focus", "blur"]) area.addEventListener(kind, tell);
  area.addEventListener("input", follow);
  area.addEventListener("scroll", place);
  new ResizeObserver(place).observe(area);

  // ---- from the list to the text

  function go(from, to) {
    area.focus();
    area.setSelectionRange(from, to);
    const words = marks.find((mark) => mark.from === from)?.words[0];
    const top = words ? words.offsetTop : (line(from) - 1) / line(text.length) * area.scrollHeight;
    area.scrollTop = top - area.clientHeight / 3;
    area.scrollLeft = words ? words.offsetLeft + words.offsetWidth - area.clientWidth * 0.9 : 0;
    place();
  }

  list.addEventListener("click", (event) => {
    const link = event.target.closest("a[href='#text']");
    if (!link) return;
    event.preventDefault();
    closed = -1;
    const mark = marks.find((one) => one.entry.contains(link));
    if (mark) go(mark.from, mark.to);
    else area.focus();
  });

  document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target === list) sent = area.value; });
  // Who is signed out meanwhile keeps the text: a check never leads away from it.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { target, xhr } = event.detail;
    if (target !== list || !xhr.getResponseHeader("HX-Redirect")) return;
    event.preventDefault();
    const words = document.createElement("p");
    words.className = "wrong";
    words.textContent = "You are signed out, so that nothing is checked. Copy your text before you leave this page.";
    list.replaceChildren(words);
    says.textContent = words.textContent;
    sent = area.value;
    read();
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === list) read(); });

  read();
  // An address that ends in #L5 means that line: it comes from a list of what is wrong.
  const asked = /^#L(\d{1,6})$/.exec(location.hash);
  if (asked) {
    const before = text.split("\n").slice(0, asked[1] - 1).reduce((sum, one) => sum + one.length + 1, 0);
    go(Math.min(before, text.length), Math.min(before, text.length));
    htmx.trigger(area, "check");
  }
})();
