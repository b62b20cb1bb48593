// Keeps the fake phone up to date without a reload. Everything works without this file.
const all = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);
const { now: serverNow, here, zone } = document.documentElement.dataset;
let ahead = serverNow * 1000 - Date.now();
const now = () => (Date.now() + ahead) / 1000;
const hour = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

const dress = (root) => {
  if (!navigator.clipboard) return;
  all("[data-copy]", (button) => {
    button.hidden = false;
    button.onclick = async () => {
      const words = button.textContent;
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = words; }, 2000);
    };
  }, root);
};

// What the server drew, to be compared with what it draws next; the page's own has been touched since.
const drawn = new Map();
const swap = (fresh) => {
  ahead = fresh.documentElement.dataset.now * 1000 - Date.now();
  all("[data-live]", (old) => {
    const next = fresh.getElementById(old.id);
    if (!next || drawn.get(old.id) === next.innerHTML.replace(/ value="\d+"(?= data-until)/g, "")) return;
    drawn.set(old.id, next.innerHTML.replace(/ value="\d+"(?= data-until)/g, ""));
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    const top = old.scrollTop;
    const element = document.adoptNode(next);
    [...element.querySelectorAll("details")].forEach((one, place) => { one.open = open[place]; });
    old.replaceWith(element);
    element.scrollTop = top;
    dress(element);
    if (focused) document.getElementById(focused)?.focus();
  });
};

let asking = false;
const look = () => {
  if (asking || document.hidden) return;
  asking = true;
  // XMLHttpRequest parses the page as a document, in which no script runs.
  const request = new XMLHttpRequest();
  request.open("GET", here);
  request.responseType = "document";
  request.timeout = 5000;
  request.onload = () => { if (request.status === 200 && request.response) swap(request.response); };
  request.onloadend = () => { asking = false; };
  request.send();
};

addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("quiet" in form.dataset)) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  asking = false;
  look();
});

const tick = () => {
  all("[data-clock]", (element) => { element.textContent = hour.format((now() + Number(element.dataset.clock)) * 1000); });
  let over = false;
  all("[data-until]", (element) => {
    const left = Math.ceil(element.dataset.until - now());
    if (element.tagName === "PROGRESS") element.value = Math.max(0, left);
    over ||= left <= 0;
  });
  if (over) look();
};

dress(document);
setInterval(look, 1500);
setInterval(tick, 500);
addEventListener("visibilitychange", look);
