// Passkeys: a form marked data-passkey asks the browser, then sends what it answered. No form depends
// on it: without scripts each leads to a page that says what to do.
const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const encode = (buffer) => btoa(Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join(""))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
const WORDS = { NotAllowedError: "closed", InvalidStateError: "has", NotSupportedError: "unable", SecurityError: "address" };
const works = "PublicKeyCredential" in window && navigator.credentials;
let waiting, busy;

const read = ({ challenge, user, allowCredentials, excludeCredentials, ...rest }) => {
  const known = (list) => list?.map((one) => ({ ...one, id: decode(one.id) }));
  return {
    ...rest,
    challenge: decode(challenge),
    ...(user && { user: { ...user, id: decode(user.id) }, excludeCredentials: known(excludeCredentials) }),
    ...(allowCredentials && { allowCredentials: known(allowCredentials) }),
  };
};
const write = ({ id, rawId, type, response, authenticatorAttachment }) => {
  const parts = PARTS.filter((part) => response[part]).map((part) => [part, encode(response[part])]);
  const fields = { ...Object.fromEntries(parts), transports: response.getTransports?.() };
  return JSON.stringify({ id, rawId: encode(rawId), type, authenticatorAttachment, response: fields, clientExtensionResults: {} });
};
const put = (form, name, value) => {
  const field = form.elements[name] ?? form.appendChild(document.createElement("input"));
  if (!field.id) Object.assign(field, { type: "hidden", name });
  field.value = value;
};

const ask = async (form, mediation) => {
  waiting?.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  const { passkey, alone, post } = form.dataset;
  const answer = await fetch(passkey, { method: "POST", body: new URLSearchParams(alone && { alone }), signal });
  if (answer.redirected || answer.status === 401) return mediation || location.reload();
  if (!answer.ok) throw answer;
  const options = read(await answer.json());
  // The sign-in is over, or the passkeys are gone: the page says so.
  if (!alone && options.allowCredentials?.length === 0) return location.reload();
  const credential = await navigator.credentials[options.user ? "create" : "get"]({
    publicKey: options, signal, ...(mediation && { mediation }),
  });
  put(form, "credential", write(credential));
  if (document.querySelector("#f-remember:checked")) put(form, "remember", "1");
  form.method = "post";
  form.action = post;
  form.submit();
};

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  const line = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  if (!works) {
    if (button.hidden && line) line.textContent = form.dataset.none ?? "";
    return;
  }
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    line.textContent = "";
    busy = true;
    try {
      await ask(form);
    } catch (error) {
      if (error.name === "AbortError") return; // pressed twice: the later asks
      busy = false;
      line.textContent = form.dataset[WORDS[error.name]] ?? form.dataset.failed;
      offer();
    }
  });
  // In the user name's own menu, without a click; asked anew before the challenge is too old.
  const offer = async () => {
    if (!form.dataset.alone || !await PublicKeyCredential.isConditionalMediationAvailable?.() || busy) return;
    ask(form, "conditional").catch(() => { /* nobody pressed anything, so nothing is said */ });
  };
  offer();
  setInterval(offer, 240_000);
});

// Password managers are told which passkeys still work, and what the account is called.
document.querySelectorAll("[data-signal]").forEach(async (mark) => {
  if (!window.PublicKeyCredential?.signalAllAcceptedCredentials) return;
  const { signal, signalUrl } = mark.dataset;
  try {
    const { rpId, userId, name, ids } = JSON.parse(signal || await (await fetch(signalUrl)).text());
    await PublicKeyCredential.signalAllAcceptedCredentials({ rpId, userId, allAcceptedCredentialIds: ids });
    await PublicKeyCredential.signalCurrentUserDetails?.({ rpId, userId, name, displayName: name });
  } catch { /* a manager that cannot be told */ }
});
