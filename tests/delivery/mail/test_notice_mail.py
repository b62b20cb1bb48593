"""Every notice says what, when and where, offers the way out, and gives nothing away."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from twostep.delivery.mail.notice import HelpDeskAct, Notice, NoticeKind
from twostep.delivery.mail.notice_mail import Rendered, Sender, render
from twostep.delivery.mail.notice_words import COUNTED, WORDINGS, Follow
from twostep.i18n import LANGUAGES


AT = 1_795_507_920  # 24 Nov 2026, 09:12 in Paris
NOT_ME = "https://panel.example.org/not-me/n0tMe"
ACTION = "https://panel.example.org/do/1t?a=b&c=d"
SENDER = Sender(
    panel="Example Panel",
    public_url="https://panel.example.org",
    support_email="help@example.org",
    support_phone="+49 30 9018 20",
    support_hours="Mon–Fri 9–17",
)
CODES = [language.code for language in LANGUAGES]


def notice(kind, **more):
    fields = {
        "kind": kind,
        "at": AT,
        "user_name": "alice",
        "browser": "Firefox on Linux",
        "network": "203.0.113.0",
        "method": "Work phone",
        "hint": "42",
        "address": "new@example.com",
        "count": 2,
        "until_at": AT + 3 * 86_400,
        "act": HelpDeskAct.RESET_MFA,
        "not_me_link": NOT_ME,
        "action_link": ACTION if WORDINGS[kind].button else None,
    }
    return Notice(**(fields | more))


def write(kind, *, language="en", sender=SENDER, time_zone="Europe/Paris", **more) -> Rendered:
    return render(notice(kind, **more), sender=sender, language_code=language, time_zone=time_zone)


class Page(HTMLParser):
    """Collects what a mail program would show, load and follow."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.open, self.text, self.root = [], [], [], [], {}
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "html":
            self.root = dict(attrs)
        assert not {name for name, _ in attrs} & {"src", "background", "onclick", "style"}
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def bare(text):
    return text.replace("\u2068", "").replace("\u2069", "")


def test_the_words_of_the_design():
    mail = write(NoticeKind.PHONE_ADDED)
    assert mail.subject == "Example Panel: backup phone added (••42)"
    assert mail.text == (
        "Hello alice,\n\n"
        "A backup phone ending 42 was added to your account.\n\n"
        "When: 24 Nov 2026 at 09:12 (Europe/Paris)\n"
        "Where: Firefox on Linux, IP address 203.0.113.0\n\n"
        "If this was you, you don't need to do anything.\n\n"
        f"This wasn't me – secure my account:\n{NOT_ME}\n"
        "The link works once, for 14 days, without signing in.\n\n"
        "We never ask for codes by phone, text or e-mail.\n\n"
        "-- \nExample Panel\nhttps://panel.example.org\n"
        "Help: help@example.org · +49 30 9018 20 · Mon–Fri 9–17\n"
    )


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_kind_in_every_language(kind, language):
    mail = write(kind, language=language)
    page = Page(mail.html)
    assert mail.subject.startswith("Example Panel: ")
    assert len(mail.subject.splitlines()) == 1
    assert page.root["lang"] == language
    assert page.root["dir"] == ("rtl" if language == "ar" else "ltr")
    assert NOT_ME in page.links
    assert NOT_ME in mail.text
    for part in (mail.subject, mail.text, page.words):
        assert "{" not in part
        assert "None" not in part
    for shown in (mail.text, page.words):
        assert "alice" in shown
        assert "Europe/Paris" in shown
        assert "203.0.113.0" in bare(shown)
        assert "help@example.org" in shown
        assert "+49 30 9018 20" in shown
    if WORDINGS[kind].button:
        assert ACTION in page.links
        assert ACTION in mail.text


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_text_and_html_say_the_same(kind):
    mail = write(kind)
    html = set(re.findall(r"\w+", Page(mail.html).words))
    links_gone = re.sub(r"https://\S+", "", mail.text)
    assert set(re.findall(r"\w+", links_gone)) <= html


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_no_mail_loads_anything_or_is_wider_than_600_pixels(kind):
    html = write(kind).html
    assert not set(Page(html).tags) & {"img", "script", "link", "iframe", "form", "svg"}
    assert "url(" not in html
    assert "max-width: 552px" in html  # and 24 px of padding on either side
    assert len(html.encode()) < 10_000


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_only_the_two_last_digits_of_a_number_are_shown(kind):
    mail = write(kind, hint="+12025550142")
    for part in (mail.subject, mail.text, mail.html):
        assert "0142" not in part
        assert not re.search(r"\b\d{6}\b", re.sub(r"#\w+", "", part))


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_the_banned_words_are_banned(kind):
    mail = write(kind)
    assert not re.search(
        r"\b(token|factor|enrol\w*|OTP|TOTP|credential\w*|invalid|oops|please)\b",
        mail.subject + mail.text,
        re.IGNORECASE,
    )


@pytest.mark.parametrize("kind", list(COUNTED))
def test_numbers_have_their_grammar(kind):
    single, many = (write(kind, count=count).text for count in (1, 2))
    assert re.search(r"\b1 \w+", single)
    assert single != many.replace(" 2 ", " 1 ")


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_what_to_do_if_all_is_well(kind):
    text = write(kind).text
    sentences = {
        Follow.WAS_YOU: "If this was you, you don't need to do anything.",
        Follow.ASKED: "If you did not ask for this, you don't need to do anything.",
        Follow.HELPED: "If you asked for this, you don't need to do anything.",
    }
    shown = {follow for follow, sentence in sentences.items() if sentence in text}
    assert shown == {WORDINGS[kind].follow} & set(sentences)


def test_without_a_link_the_mail_says_whom_to_tell():
    bare_mail = write(NoticeKind.APP_ADDED, not_me_link=None)
    assert "If not, tell us at once." in bare_mail.text
    settings = write(
        NoticeKind.APP_ADDED, not_me_link=None, settings_link="https://panel.example.org/s"
    )
    assert "https://panel.example.org/s" in Page(settings.html).links
    assert "tell us at once" not in settings.text


def test_what_is_unknown_is_left_out():
    mail = write(
        NoticeKind.PASSWORD_CHANGED,
        browser=None,
        network=None,
        sender=Sender(panel="P", public_url="https://p.example"),
    )
    assert "Where" not in mail.text + Page(mail.html).words
    assert "Help:" not in mail.text + Page(mail.html).words
    placed = write(NoticeKind.PASSWORD_CHANGED, browser=None, place="Lyon, France")
    assert "Where: Lyon, France, IP address 203.0.113.0\n" in placed.text


@pytest.mark.parametrize("act", list(HelpDeskAct))
def test_each_act_of_the_help_desk_has_a_sentence_and_a_reason(act):
    mail = write(NoticeKind.HELP_DESK_ACT, act=act, reason="lost <b>phone</b> & keys")
    assert "The help desk " in mail.text
    assert "Reason: lost <b>phone</b> & keys\n" in mail.text
    assert "lost &lt;b&gt;phone&lt;/b&gt; &amp; keys" in mail.html


def test_names_cannot_break_out():
    evil = '"><img src=x>\r\nBcc: a@example.com\u202e{0}{at.__class__}%(x)s'
    mail = write(
        NoticeKind.APP_ADDED, method=evil, user_name=evil, browser=evil, network=evil, address=evil
    )
    assert "img" not in Page(mail.html).tags
    assert "\u202e" not in mail.text + mail.html
    assert not re.search(r"^Bcc", mail.text, re.MULTILINE)
    panel = Sender(panel="P\r\nBcc: x\x00", public_url="https://p.example")
    assert write(NoticeKind.PHONE_ADDED, sender=panel).subject == (
        "P Bcc: x: backup phone added (••42)"
    )
    assert len(write(NoticeKind.APP_ADDED, method="x" * 5000).text) < 1500


def test_a_name_in_the_other_direction_stands_apart():
    assert "“\u2068هاتف\u2069”" in write(NoticeKind.APP_ADDED, method="هاتف").text
    assert "“Work phone”" in write(NoticeKind.APP_ADDED).text
    arabic = write(NoticeKind.APP_ADDED, language="ar").text
    assert "«\u2068Work phone\u2069»" in arabic
    assert "\u200fFirefox على Linux" in arabic  # read from right to left, whatever it begins with


def test_times_are_told_in_the_users_zone():
    assert "24 Nov 2026 at 17:12 (Asia/Tokyo)" in (
        write(NoticeKind.RECOVERY_STARTED, time_zone="Asia/Tokyo").text
    )
    assert "27 Nov 2026 at 17:12 (Asia/Tokyo)" in (
        write(NoticeKind.RECOVERY_STARTED, time_zone="Asia/Tokyo").text
    )
    assert "(UTC)" in write(NoticeKind.RECOVERY_STARTED, time_zone="Mars/Base").text


def test_every_kind_has_words():
    assert set(WORDINGS) == set(NoticeKind)
    for kind, wording in WORDINGS.items():
        assert bool(wording.happened) != (kind in COUNTED or kind is NoticeKind.HELP_DESK_ACT)
