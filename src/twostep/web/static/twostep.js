// What makes a page nicer where scripts run. Every page works without; nothing here builds HTML.
const all = (selector, act) => document.querySelectorAll(selector).forEach(act);
const root = document.documentElement;
const ahead = root.dataset.now * 1000 - Date.now();
const now = () => (Date.now() + ahead) / 1000;
const say = (element, words) => { if (element && words) element.textContent = words; };

// A second press while the first is on its way would spend the same code twice.
const sent = new Set();
addEventListener("submit", (event) => {
  const form = event.target;
  if (sent.has(form) || event.submitter?.ariaDisabled === "true") return event.preventDefault();
  sent.add(form);
  form.querySelectorAll("[data-reveal].open").forEach((button) => button.click());
});
addEventListener("pageshow", () => sent.clear());

all("[data-reveal]", (button) => {
  const field = document.getElementById(button.dataset.reveal);
  const word = button.firstElementChild;
  const show = word.textContent;
  button.hidden = false;
  button.onclick = () => {
    const open = field.type === "password";
    field.type = open ? "text" : "password";
    button.classList.toggle("open", open);
    word.textContent = open ? button.dataset.hide : show;
  };
});
all("[data-caps]", (line) => {
  const field = document.getElementById(line.dataset.caps);
  const look = (event) => {
    line.textContent = event.getModifierState?.("CapsLock") ? line.dataset.text : "";
  };
  field.addEventListener("keydown", look);
  field.addEventListener("keyup", look);
  field.addEventListener("blur", () => { line.textContent = ""; });
});

all("[data-copy],[data-copy-text]", (button) => {
  if (!navigator.clipboard) return;
  const words = button.textContent;
  button.hidden = false;
  button.ariaLive = "polite";
  button.onclick = async () => {
    const { copy, copyText, done } = button.dataset;
    const codes = copy ? [...document.querySelectorAll(copy)] : [];
    await navigator.clipboard.writeText(copyText ?? codes.map((code) => code.dataset.backupCode).join("\n"));
    button.textContent = done;
    setTimeout(() => { button.textContent = words; }, 4000);
  };
});
// The example below the number is one of the chosen country.
all("[data-example-in]", (list) => {
  list.onchange = () => {
    const example = document.querySelector(`#${list.dataset.exampleIn} bdi`);
    const { example: national } = list.selectedOptions[0].dataset;
    if (example && national) example.textContent = national;
  };
});
// A phone opens its app; the picture is for another device's camera.
if (matchMedia("(pointer: coarse)").matches) all("[data-fold]", (fold) => { fold.open = false; });
if ("PublicKeyCredential" in window) all("[data-passkeys]", (way) => { way.hidden = false; });
all("[data-print]", (button) => { button.hidden = false; button.onclick = () => print(); });

// Countdowns run visibly each second and are spoken only at their marks.
const marks = [300, 120, 60, 0];
const clock = (left) => `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
const seconds = new Intl.NumberFormat(root.lang, { style: "unit", unit: "second", unitDisplay: "narrow" });
const tick = () => {
  all("[data-until]", (line) => { line.textContent = clock(Math.max(0, Math.ceil(line.dataset.until - now()))); });
  all("[data-before]", (line) => { line.hidden = line.dataset.before <= now(); });
  all("[data-after]", (line) => { line.hidden = line.dataset.after > now(); });
  all("[data-say]", (line) => {
    const left = Math.ceil(line.dataset.say - now());
    const mark = marks.findLast((limit) => left <= limit && limit - left < 30);
    const words = mark === undefined ? "" : line.getAttribute(`data-say-${mark}`);
    if (words && line.textContent !== words) line.textContent = words;
  });
  all("[data-can-send-at]", (button) => {
    const left = Math.ceil(button.dataset.canSendAt - now());
    if (left > 0) {
      button.ariaDisabled = "true";
      button.lastElementChild.textContent = button.dataset.wait.replace("%s", left < 60 ? seconds.format(left) : clock(left));
    } else if (button.ariaDisabled) {
      button.removeAttribute("aria-disabled");
      button.lastElementChild.textContent = button.dataset.label;
      say(button.nextElementSibling, button.dataset.now);
    }
  });
};
if (document.querySelector("[data-until],[data-say],[data-can-send-at]")) { tick(); setInterval(tick, 1000); }

all("[data-status-url]", (line) => {
  let polls = 0;
  const poll = async () => {
    try {
      const answer = await fetch(line.dataset.statusUrl, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) return;
      const { state, sentence, can_send_at: at } = await answer.json();
      line.dataset.deliveryState = state;
      if (line.textContent !== sentence) line.textContent = sentence;
      if (at) all("[data-can-send-at]", (button) => { button.dataset.canSendAt = at; });
      if (state === "failed") all("[data-sent]", (lead) => { lead.hidden = true; });
      if (state === "delivered" || state === "failed") return;
    } catch { /* offline for a moment: ask again */ }
    if (++polls < 20) setTimeout(poll, 3000);
  };
  if (!/delivered|failed/.test(line.dataset.deliveryState)) setTimeout(poll, 3000);
});

// The phone itself offers to fill the texted code in; tapping Allow sends the form.
all("[data-webotp]", async (field) => {
  if (!("OTPCredential" in window)) return;
  const stop = new AbortController();
  field.form.addEventListener("submit", () => stop.abort());
  try {
    const { code } = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal });
    field.value = code;
    field.form.requestSubmit();
  } catch { /* declined, or typed by hand */ }
});

all(".menu", (menu) => {
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget: next }) => { if (next && !menu.contains(next)) menu.open = false; });
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
});

all("[data-time-zone]", (field) => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!field.options) field.value = zone ?? "";
  const option = [...field.options ?? []].find(({ value, dataset }) => value === zone || dataset.old?.split(" ").includes(zone));
  if (option) option.selected = true;
});

all("[data-idle]", (box) => {
  const ask = async (path) => {
    const answer = await fetch(new URL(path, import.meta.url)).catch(() => null);
    return answer?.ok ? (await answer.json()).expires_at - (Date.now() + ahead) / 1000 : 0;
  };
  const wait = (seconds) => {
    box.hidden = true;
    setTimeout(async () => {
      // Another tab, or an application that asks us, may have been busy.
      const left = await ask("../api/session/peek");
      if (left > 125) wait(left); else box.hidden = false;
    }, (seconds - 120) * 1000);
  };
  box.querySelector("button").onclick = async () => {
    const left = await ask("../api/session");
    if (left > 120) wait(left); else location.reload();
  };
  wait(box.dataset.idle);
});
