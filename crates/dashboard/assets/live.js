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
  if (old.isEqualNode(fresh)) return;
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
  });
  source.addEventListener("error", () => {
    // It ends every few minutes and begins anew; only a silence that lasts is worth a word.
    silence ||= setTimeout(() => { offline.hidden = false; document.documentElement.dataset.live = "no"; }, 5000);
    if (source.readyState === EventSource.CLOSED) {
      hush();
      setTimeout(listen, 5000);
    }
  });
}

function hush() {
  source?.close();
  source = null;
}

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

document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-all]");
  if (!all) return;
  for (const box of all.closest("form").querySelectorAll('input[name="job"]')) box.checked = all.checked;
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

// `/` leads to the search, as in many a tool.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
window.addEventListener("pagehide", hush);
window.addEventListener("pageshow", listen);

tellTimes();
setInterval(tellTimes, 1000);
revealCopies();
listen();
