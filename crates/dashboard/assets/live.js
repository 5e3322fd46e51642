// Keeps an open page true: times in the viewer's zone, sections as the server sends them. Without it
// every page works the same, as of when it was opened.

const main = document.getElementById("main");
const parser = new DOMParser();
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("repilot", { createHTML: (html) => html })
  : { createHTML: (html) => html };

// --- Times ---------------------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

function ago(instant, now) {
  const seconds = Math.round((instant - now) / 1000);
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}

function shown(time, now) {
  const instant = new Date(time.dateTime);
  if (Number.isNaN(instant.getTime())) return time.textContent;
  switch (time.dataset.shown) {
    case "ago": return ago(instant, now);
    case "clock": return now - instant < 72_000_000 && instant - now < 72_000_000 ? clock.format(instant) : day.format(instant);
    default: return day.format(instant);
  }
}

function tellTimes(within = document) {
  const now = Date.now();
  for (const time of within.querySelectorAll("time[data-shown]")) {
    const text = shown(time, now);
    if (time.textContent !== text) time.textContent = text;
  }
}

// --- Sections: what changed is changed in place, so that focus, selection and scroll stay ----------

// What the reader did to it is theirs: what they opened, ticked or typed.
const THEIRS = { DETAILS: ["open"], INPUT: ["value", "checked"], DIALOG: ["open"] };

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "");

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function change(old, fresh) {
  // What completes a search is made here, as it is typed.
  if (old.isEqualNode(fresh) || old.nodeName === "DATALIST") return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  const theirs = THEIRS[old.nodeName] ?? [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !theirs.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !theirs.includes(name)) old.setAttribute(name, value);
  }
  changeChildren(old, fresh);
}

function changeChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let found = key ? keyed.get(key) : at;
    if (found && alike(found, wanted)) {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      change(found, wanted);
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function show(name, html) {
  const section = document.getElementById(`s-${name}`);
  if (!section) return;
  const fresh = parser.parseFromString(policy.createHTML(html), "text/html").body;
  // Compared as it will be shown.
  tellTimes(fresh);
  revealCopies(fresh);
  changeChildren(section, fresh);
}

// --- The stream: one, and only while the page can be seen -------------------------------------------

const offline = document.getElementById("offline");
let source = null;
let silence = 0;

function listen() {
  if (source || document.hidden || !main?.dataset.live) return;
  source = new EventSource(`/live?at=${encodeURIComponent(main.dataset.live)}`);
  source.addEventListener("open", () => {
    clearTimeout(silence);
    silence = 0;
    offline.hidden = true;
    document.documentElement.dataset.live = "yes";
  });
  source.addEventListener("section", (event) => {
    const { section, html } = JSON.parse(event.data);
    show(section, html);
    tellPicked(document.querySelector("form[data-total]"));
  });
  source.addEventListener("error", () => {
    // It ends every few minutes and begins anew; only a silence that lasts is worth a word.
    silence ||= setTimeout(() => { offline.hidden = false; document.documentElement.dataset.live = "no"; }, 5000);
    if (source.readyState === EventSource.CLOSED) {
      hush();
      if (signedOut) isSignedIn();
      setTimeout(listen, 5000);
    }
  });
}

function hush() {
  source?.close();
  source = null;
}

// --- Signed out: the page keeps what was picked and typed until one is signed in again -----------------

const signedOut = document.getElementById("signed-out");

async function isSignedIn() {
  let answer;
  try { answer = await fetch("/session"); } catch { return true; /* Silence is told elsewhere. */ }
  const known = answer.ok ? await answer.json() : null;
  const wasLost = !signedOut.hidden;
  signedOut.hidden = Boolean(known);
  // A session that was begun anew has a token of its own.
  if (known) for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = known.form_token;
  if (known && wasLost) listen();
  if (!known) signedOut.scrollIntoView({ block: "center" });
  return Boolean(known);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!signedOut || form.method !== "post" || form.dataset.asked) return;
  event.preventDefault();
  const { submitter } = event;
  if (!(await isSignedIn())) return;
  form.dataset.asked = "yes";
  form.requestSubmit(submitter);
  delete form.dataset.asked;
});

window.addEventListener("focus", () => { if (signedOut && !signedOut.hidden) isSignedIn(); });

// --- Small comforts ------------------------------------------------------------------------------------

function revealCopies(within = document) {
  if (!navigator.clipboard) return;
  for (const button of within.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copying was refused";
  }
  setTimeout(() => { button.textContent = said; }, 2000);
});

const boxes = (form) => [...form.querySelectorAll('input[name="job"]')];

// How many are picked, and of how many.
function tellPicked(form) {
  const said = form?.querySelector("[data-picked]");
  if (!said) return;
  const picked = boxes(form).filter((box) => box.checked).length;
  const all = form.querySelector('input[name="all"]')?.checked;
  const text = all ? `all ${form.dataset.total} picked` : picked ? `${picked} of ${form.dataset.total} picked` : "";
  if (said.textContent !== text) said.textContent = text;
}

document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-all]");
  if (all) for (const box of boxes(all.closest("form"))) box.checked = all.checked;
  tellPicked(event.target.closest("form[data-total]"));
});

// With Shift, everything from the last one that was picked to this one.
let lastPicked = null;
document.addEventListener("click", (event) => {
  const box = event.target.closest('input[name="job"]');
  if (!box) return;
  const all = boxes(box.form);
  const from = all.indexOf(lastPicked);
  if (event.shiftKey && from >= 0) {
    const to = all.indexOf(box);
    for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
  }
  lastPicked = box;
  tellPicked(box.form);
});

// The last word of a search goes on as those that are known.
document.addEventListener("input", (event) => {
  const words = event.target.list;
  if (!words?.dataset.words) return;
  const [, before, begun] = event.target.value.match(/^(.*?-?)([^\s-]*)$/s);
  const known = words.dataset.words.split(" ").filter((word) => begun && word.startsWith(begun) && word !== begun);
  words.replaceChildren(...known.slice(0, 12).map((word) => new Option("", before + word)));
});

// What follows of days, hours and moments is said while they are typed.
let asking = 0;
document.addEventListener("input", (event) => {
  const fields = event.target.closest("[data-held]");
  if (!fields) return;
  clearTimeout(asking);
  asking = setTimeout(async () => {
    const said = new URLSearchParams();
    for (const field of fields.querySelectorAll("[name]")) {
      if (field.type !== "checkbox" || field.checked) said.append(field.name, field.value);
    }
    try {
      const answer = await fetch(`/upload/next?${said}`, { credentials: "same-origin" });
      if (answer.ok) fields.querySelector("[data-next]").textContent = await answer.text();
    } catch { /* The plan says it, too. */ }
  }, 250);
});

// Keys, as in many a tool: `?` says which.
const PLACES = { c: "/", j: "/jobs", d: "/dead", l: "/lanes", w: "/workers", a: "/activity" };
let going = 0;

function step(by) {
  const rows = [...main.querySelectorAll("tbody tr[data-key]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.min(Math.max(at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by, 0), rows.length - 1)];
  (row.querySelector('input[name="job"]') ?? row.querySelector("a"))?.focus();
}

document.addEventListener("keydown", (event) => {
  const box = event.target.closest('input[type="checkbox"]');
  const typing = event.target.closest("input, textarea, select, [contenteditable]") && !box;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (going && Date.now() - going < 1500 && PLACES[event.key]) {
    going = 0;
    event.preventDefault();
    location.assign(PLACES[event.key]);
    return;
  }
  going = event.key === "g" ? Date.now() : 0;
  const keys = document.getElementById("keys");
  const acts = {
    "/": () => document.querySelector("main input[type=search], input[type=search]")?.focus(),
    "?": () => keys?.showModal(),
    j: () => step(1),
    k: () => step(-1),
    x: () => (box ?? document.activeElement.closest("tr")?.querySelector('input[name="job"]'))?.click(),
  };
  if (!acts[event.key] || (keys?.open && event.key !== "?")) return;
  event.preventDefault();
  acts[event.key]();
});

document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
window.addEventListener("pagehide", hush);
window.addEventListener("pageshow", listen);

tellTimes();
setInterval(tellTimes, 1000);
revealCopies();
listen();
