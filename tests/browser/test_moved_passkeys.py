"""Chromium uses passkeys of the old name at the new one, with the block of the guide at the old name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.server.test_old_address import NEW, block
from tests.server.test_proxy_logs import nginx_file, replaced
from tests.support.chromium import ARGUMENTS, PATIENCE
from tests.support.installed import write_certificate
from tests.support.ports import free_port
from tests.support.proxies import program, run_program
from tests.support.waiting import wait_for_port


pytestmark = pytest.mark.browser
CREATE = """async () => {
  const user = { id: new Uint8Array([1]), name: 'alice', displayName: 'alice' };
  const rp = { id: 'panel.example.com', name: 'Panel' };
  const pubKeyCredParams = [{ type: 'public-key', alg: -7 }];
  const publicKey = { rp, user, pubKeyCredParams, challenge: new Uint8Array(32) };
  try { return (await navigator.credentials.create({ publicKey })).type }
  catch (error) { return error.name }
}"""


@contextmanager
def both_names(folder: Path, old_block: str) -> Iterator[tuple[int, int]]:
    """nginx with TLS for the old name, as in the guide, and for the new one; their ports."""
    old, new = free_port(), free_port()
    write_certificate(folder)
    certificate = f"ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;"
    place = "/etc/letsencrypt/live/panel.example.com"
    changes = {
        "listen 443 ssl http2;": f"listen 127.0.0.1:{old} ssl http2;",
        "    listen [::]:443 ssl http2;\n": "",
        f"{place}/fullchain.pem": f"{folder}/cert.pem",
        f"{place}/privkey.pem": f"{folder}/key.pem",
        "/var/log/nginx": str(folder),
    }
    page = "default_type text/html; location / { return 200 '<!doctype html><title>x</title>'; }"
    text = nginx_file(folder, free_port(), free_port()).removesuffix("}\n")
    text += replaced(old_block, changes)
    text += f"server {{ listen 127.0.0.1:{new} ssl; {certificate} {page} }}\n}}\n"
    path = folder / "config"
    path.write_text(text, encoding="utf-8")
    with run_program([program("nginx"), "-c", str(path)], folder) as process:
        wait_for_port(process, old)
        wait_for_port(process, new)
        yield old, new


@contextmanager
def another(browser: Browser, old: int, new: int) -> Iterator[Browser]:
    """A browser of the same kind that finds both names on this machine."""
    places = f"MAP panel.example.com:443 127.0.0.1:{old}, MAP sso.example.com:443 127.0.0.1:{new}"
    arguments = [word for word in ARGUMENTS if "host-resolver" not in word]
    arguments += [f"--host-resolver-rules={places}", "--ignore-certificate-errors"]
    opened = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=arguments, timeout=PATIENCE
    )
    try:
        yield opened
    finally:
        opened.close()


def create(browser: Browser) -> str:
    """Make a passkey of the old name at the new one: what the browser says."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{NEW}/")
    answer = str(page.evaluate(CREATE))
    context.close()
    return answer


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "another"])
def test_the_old_name_says_where_its_passkeys_may_be_used(
    browser: Browser, tmp_path: Path, *, is_listed: bool
) -> None:
    text = block("nginx")
    if not is_listed:
        text = replaced(text, {f'["{NEW}"]': '["https://other.example.net"]'})
    with both_names(tmp_path, text) as ports, another(browser, *ports) as opened:
        assert create(opened) == ("public-key" if is_listed else "SecurityError")
