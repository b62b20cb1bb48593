"""Settings: where they come from, which one counts, and what is said when one is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from twostep.config import ConfigError, Settings, find_config, load, parse_set, settings_file
from twostep.config.loading import list_service_links


URL = 'public_url = "https://panel.example.com"\n'
TWILIO = '[twilio]\naccount_sid = "AC00000000000000000000000000000001"\nfrom_number = "+1 202 555 0100"\n'


def read(folder: Path, text: str = URL, environ=None, **overrides) -> Settings:
    path = folder / "twostep.toml"
    path.write_text(text, encoding="utf-8")
    given = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(path, environ=environ or {}, overrides=given)


def problems(folder: Path, text: str = URL, environ=None, **overrides) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, environ, **overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return tuple(line.replace(f"{folder}/", "") for line in caught.value.problems)


def test_one_line_is_enough_and_nothing_can_be_changed(tmp_path):
    settings = read(tmp_path)
    assert settings.public_url == "https://panel.example.com"
    assert (settings.session.idle_minutes, settings.session.total_hours) == (30, 12)
    assert settings.totp.tolerance_steps == 1
    assert settings.policy.phones is True
    assert settings.policy.require_two_step == "none"
    assert settings.database_url.get_secret_value() == "sqlite:////var/lib/twostep/twostep.sqlite3"
    assert settings.key_path == Path("/var/lib/twostep/twostep.key")
    with pytest.raises(ValidationError):
        settings.panel_name = "Other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.policy.phones = False  # type: ignore[misc]


def test_the_command_line_counts_over_the_environment_and_that_over_the_file(tmp_path):
    text = URL + '[session]\nidle_minutes = 10\n[policy]\nphones = "off"\n'
    environ = {"TWOSTEP_SESSION__IDLE_MINUTES": "20", "TWOSTEP_SESSION__TOTAL_HOURS": "4"}
    assert read(tmp_path, text).session.idle_minutes == 10
    assert read(tmp_path, text, environ).session.idle_minutes == 20
    settings = read(tmp_path, text, environ, session__idle_minutes=40)
    assert (settings.session.idle_minutes, settings.session.total_hours) == (40, 4)
    assert settings.policy.phones is False


def test_keyword_arguments_alone_make_settings_in_tests(monkeypatch):
    monkeypatch.setenv("TWOSTEP_PANEL_NAME", "Elsewhere")
    assert Settings(public_url="http://localhost:8080").panel_name == "Twostep"


def test_the_process_environment_is_read_when_none_is_given(monkeypatch):
    monkeypatch.setenv("TWOSTEP_PUBLIC_URL", "http://localhost:9000")
    assert load(None).public_url == "http://localhost:9000"


def test_everything_wrong_is_said_at_once_with_key_value_and_fix(tmp_path):
    text = (
        'public_url = "http://panel.example.com"\nphones = "off"\n[policy]\nphones = "of"\n'
        '[sesion]\nidle_minutes = 3\n[session]\nidle_minutes = 0\n[smtp]\nhost = "mail"\n'
        'frm = "x"\n[delivery]\ncountries = ["UK"]\nsms = ["twillo"]\n'
    )
    environ = {"TWOSTEP_POLICY__PHONE": "off", "TWOSTEP_TOTP__TOLERANCE_STEPS": "7"}
    assert problems(tmp_path, text, environ, log_levle="debug") == (
        "twostep.toml: phones: there is no such setting; did you mean policy.phones?",
        "twostep.toml: sesion: there is no such setting; did you mean session?",
        "twostep.toml: smtp.frm: there is no such setting; did you mean smtp.from?",
        "TWOSTEP_POLICY__PHONE: policy.phone: there is no such setting; did you mean policy.phones?",
        "--set: log_levle: there is no such setting; did you mean log_level?",
        "twostep.toml: public_url = 'http://panel.example.com': use https; plain http is for localhost only",
        "twostep.toml: policy.phones = 'of': write on or off",
        "twostep.toml: session.idle_minutes = 0: write 1 or more",
        "TWOSTEP_TOTP__TOLERANCE_STEPS: totp.tolerance_steps = '7': write 1 or less",
        "twostep.toml: delivery.countries = ['UK']: the United Kingdom is GB",
        "twostep.toml: delivery.sms = ['twillo']: write one of 'twilio', 'vonage', 'aws_sns', 'kannel', 'webhook', 'command' or 'console'",
        "twostep.toml: smtp.from: is missing; set it",
    )


def test_a_wholly_unknown_key_is_refused_too(tmp_path):
    assert problems(tmp_path, URL + "colour_of_the_moon = 1\n") == (
        "twostep.toml: colour_of_the_moon: there is no such setting; remove it",
    )


def test_without_any_setting_the_address_is_asked_for():
    with pytest.raises(ConfigError, match="public_url: is missing; set it"):
        load(None, environ={})


def test_the_variables_of_the_tests_are_no_settings(tmp_path):
    environ = {"TWOSTEP_SPECS": "/somewhere", "TWOSTEP_FIXTURES": "/somewhere", "PATH": "/bin"}
    assert read(tmp_path, environ=environ).warnings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("public_url = ", "is not TOML"),
        ("public_url = 3\n", "write an address like"),
        (URL + 'policy = "strict"\n', "policy: is a table: write [policy]"),
        (URL + "[panel_name]\na = 1\n", "panel_name: write text in quotation marks"),
        (URL + "[session]\nidle_minutes = 30.5\n", "write a whole number"),
        (
            URL + "[session]\nidle_minutes = 90\ntotal_hours = 1\n",
            "longer than session.total_hours",
        ),
        (URL + 'log_level = "loud"\n', "write one of 'debug', 'info', 'warning' or 'error'"),
        (URL + 'default_time_zone = "Europe/Atlantis"\n', "IANA time zone"),
        (URL + 'default_time_zone = "../../etc/passwd"\n', "IANA time zone"),
        (URL + 'accent_colour = "blue"\n', 'like "#1f5fbf"'),
        (URL + 'trusted_proxies = ["10.0.0.1/8"]\n', "no bits set after the mask"),
        (URL + 'panel_name = ""\n', "write 1 characters at least"),
        (URL + 'delivery.countries = ["all", "DE"]\n', 'either "all" or a list'),
        (URL + 'delivery.countries = ["Germany"]\n', "is no region code"),
        (URL + 'delivery.sms = ["twilio"]\n', "add a table [twilio]"),
        (URL + 'key = "a"\nkey_command = "b"\n', "set only one of key and key_command"),
        (URL + "database_connections = 2\n", "database_connections = 2: write 3 or more"),
        (URL + "database_connections = 101\n", "database_connections = 101: write 100 or less"),
        (URL + 'database_connections = "many"\n', "write a whole number"),
        (URL + 'database_url = "mysql://x"\n', "must begin with sqlite:/// or postgresql://"),
        (URL + 'database_url = "sqlite:"\n', "database_url names no file"),
        (URL + 'database_url = "sqlite:///"\n', "database_url names no file"),
        (URL + TWILIO, "set twilio.auth_token, or twilio.api_key and twilio.api_key_secret"),
        (URL + TWILIO + 'api_key = "SK00000000000000000000000000000001"\n', "or neither"),
        (URL + '[twilio]\naccount_sid = "12"\n', "does not look right: Account SID"),
        (
            URL + '[smtp]\nhost = "mail.example"\nfrom = "a@b.c"\nsecurity = "none"\n',
            "this machine",
        ),
        (URL + '[smtp]\nhost = "mail"\nfrom = "Panel"\n', "does not look right: Address"),
        (URL + '[smtp]\nhost = "mail"\nfrom = "a@b.c"\nuser = "u"\n', "or neither"),
    ],
)
def test_a_wrong_value_gets_its_own_instruction(tmp_path, text, words):
    (line,) = problems(tmp_path, text)
    assert line.startswith("twostep.toml: ")
    assert words in line


SERVICE_LINKS = {
    "TWOSTEP_SERVICE_HOST": "10.3.104.46",
    "TWOSTEP_SERVICE_PORT": "80",
    "TWOSTEP_SERVICE_PORT_HTTP": "80",
    "TWOSTEP_PORT": "tcp://10.3.104.46:80",
    "TWOSTEP_PORT_80_TCP": "tcp://10.3.104.46:80",
    "TWOSTEP_PORT_80_TCP_PROTO": "tcp",
    "TWOSTEP_PORT_80_TCP_PORT": "80",
    "TWOSTEP_PORT_80_TCP_ADDR": "10.3.104.46",
    "TWOSTEP_PORT_53_UDP": "udp://10.3.104.46:53",
    "TWOSTEP_METRICS_SERVICE_HOST": "10.3.104.47",
    "TWOSTEP_METRICS_PORT": "tcp://10.3.104.47:9464",
}


def test_addresses_that_kubernetes_puts_into_our_namespace_are_no_settings(tmp_path):
    assert read(tmp_path, environ=SERVICE_LINKS) == read(tmp_path)
    assert list_service_links({**SERVICE_LINKS, "TWOSTEP_PUBLIC_URL": "x"}) == sorted(SERVICE_LINKS)


def test_what_only_looks_like_one_says_how_to_keep_it_out(tmp_path):
    environ = {
        "TWOSTEP_SERVICE_KIND": "x",
        "TWOSTEP_PORT": "80",
        "TWOSTEP_METRICS__PORT": "tcp://x:1",
    }
    lines = problems(tmp_path, environ=environ)
    assert [line.partition(":")[0] for line in lines] == [
        "TWOSTEP_PORT", "TWOSTEP_SERVICE_KIND", "TWOSTEP_METRICS__PORT",
    ]  # fmt: skip
    assert ["enableServiceLinks: false" in line for line in lines] == [True, True, False]


def test_a_setting_below_a_table_is_said_where_to_go(tmp_path):
    text = URL + '[smtp]\nhost = "mail"\nfrom = "a@b.c"\ndatabase_url = "postgresql:///x"\n'
    (line,) = problems(tmp_path, text)
    assert line == (
        "twostep.toml: smtp.database_url: there is no such setting; did you mean database_url?"
        " Write it above the first [table]: what follows one belongs to it"
    )


def test_both_spellings_of_postgresql_are_taken(tmp_path):
    for scheme in ("postgres", "postgresql"):
        settings = read(tmp_path, URL + f'database_url = "{scheme}://u@host/x"\n')
        assert settings.database_url.get_secret_value() == f"{scheme}://u@host/x"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Panel.Example.com/", "https://panel.example.com"),
        ("https://panel.example.com:443", "https://panel.example.com"),
        ("https://panel.example.com:8443", "https://panel.example.com:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://127.0.0.9", "http://127.0.0.9"),
    ],
)
def test_an_address_is_brought_into_the_form_browsers_send(address, origin):
    settings = Settings(public_url=address)
    assert settings.public_url == origin
    assert settings.is_https is origin.startswith("https")
    assert settings.is_loopback is not settings.is_https


@pytest.mark.parametrize(
    "address",
    [
        "panel.example.com",
        "ftp://x",
        "https://x/path",
        "https://u@x",
        "https://x?a",
        "https://x:99999",
        "https://[::1",
        "https://bücher.example",
        "http://localhost.evil.example",
        "",
    ],
)
def test_what_is_no_origin_is_refused(address):
    with pytest.raises(ValidationError):
        Settings(public_url=address)


def test_lists_are_read_from_the_environment():
    environ = {
        "TWOSTEP_PUBLIC_URL": "http://localhost:8080",
        "TWOSTEP_DELIVERY__COUNTRIES": "de, fr,de",
        "TWOSTEP_TRUSTED_PROXIES": '["10.0.0.0/8", "2001:db8::/32"]',
    }
    settings = load(None, environ=environ)
    assert settings.delivery.countries == ("DE", "FR")
    assert settings.delivery.is_open("FR")
    assert not settings.delivery.is_open("US")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "2001:db8::/32"]


def test_all_countries_are_one_word(tmp_path):
    assert read(tmp_path, delivery__countries="all").delivery.is_open("NZ")


def test_paths_in_the_file_are_relative_to_the_file(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    text = URL + 'data_dir = "data"\n'
    assert read(tmp_path, text).data_dir == tmp_path / "data"
    assert read(tmp_path, text, {"TWOSTEP_DATA_DIR": "other"}).data_dir == elsewhere / "other"
    assert read(tmp_path, text).key_path == tmp_path / "data" / "twostep.key"


def test_keys_from_elsewhere_leave_no_key_file(tmp_path):
    assert read(tmp_path, environ={"TWOSTEP_KEY": "k1 abc"}).key_path is None
    assert read(tmp_path, URL + 'key_command = "pass show twostep"\n').key_path is None


MAIL = '[smtp]\nhost = "mail.example"\nfrom = "panel@example.com"\nuser = "panel"\n'


def test_a_secret_is_read_from_its_file(tmp_path):
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    settings = read(tmp_path, URL + MAIL + 'password_file = "secret"\n')
    assert settings.smtp.password.get_secret_value() == "hunter2"
    environ = {"TWOSTEP_SMTP__PASSWORD": "of the environment"}
    settings = read(tmp_path, URL + MAIL + 'password_file = "secret"\n', environ)
    assert settings.smtp.password.get_secret_value() == "of the environment"


@pytest.mark.parametrize(
    "order", ['password = "x"\npassword_file = "f"', 'password_file = "f"\npassword = "x"']
)
def test_a_secret_and_its_file_together_are_refused(tmp_path, order):
    (tmp_path / "f").write_text("y", encoding="utf-8")
    assert problems(tmp_path, URL + MAIL + order) == (
        "twostep.toml: set only one of smtp.password and smtp.password_file",
    )


def test_a_missing_secret_file_is_named(tmp_path):
    lines = problems(tmp_path, URL + MAIL + 'password_file = "gone"\n')
    assert (
        lines[0] == "twostep.toml: smtp.password_file: cannot read gone: No such file or directory"
    )


def test_no_secret_is_ever_shown(tmp_path):
    secret = "correct-horse-battery"
    text = URL + MAIL + f'password = "{secret}"\n[metrics]\ntoken = "{secret}"\n'
    settings = read(tmp_path, text, {"TWOSTEP_DATABASE_URL": f"postgresql://u:{secret}@db/x"})
    assert secret not in repr(settings) + str(settings)
    mistakes = (
        URL + f'databse_url = "{secret}"\n[metrics]\ntoken = ["{secret}"]\n'
        f'[smtp]\npassword = {{ a = "{secret}" }}\n'
    )
    lines = problems(tmp_path, mistakes, {"TWOSTEP_DATABASE_URL": f"{secret}://"})
    assert len(lines) >= 4
    assert secret not in "".join(lines)


def test_providers_come_from_the_tables_unless_an_order_is_given(tmp_path):
    token = 'auth_token = "x"\n'
    assert read(tmp_path).sms_providers == read(tmp_path).email_providers == ()
    settings = read(tmp_path, URL + TWILIO + token + MAIL + 'password = "x"\n')
    assert settings.sms_providers == settings.call_providers == ("twilio",)
    assert settings.email_providers == ("smtp",)
    assert settings.twilio.from_number == "+12025550100"
    silent = TWILIO + 'api_key = "SK00000000000000000000000000000001"\napi_key_secret = "x"\n'
    assert read(tmp_path, URL + silent).call_providers == ()
    assert read(tmp_path, URL + silent, delivery__sms="console, twilio").sms_providers == (
        "console",
        "twilio",
    )


def test_what_is_rarely_meant_is_warned_of(tmp_path):
    assert (
        Settings(
            public_url="https://panel.example.com",
            policy={"phones": False},
            smtp={"host": "localhost", "from": "a@b.c"},
        ).warnings
        == ()
    )
    text = URL + '[session]\nidle_minutes = 61\ntotal_hours = 25\n[password]\nprofile = "test"\n'
    warnings = " ".join(read(tmp_path, text, {"TWOSTEP_TRUSTED_PROXIES": "0.0.0.0/0"}).warnings)
    for word in ("idle_minutes", "total_hours", "profile", "0.0.0.0/0", "countries", "e-mail"):
        assert word in warnings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("policy.phones=off", ("policy.phones", "off")),
        ("session.idle_minutes = 5", ("session.idle_minutes", 5)),
        ('panel_name="5"', ("panel_name", "5")),
        ("panel_name=Example Panel", ("panel_name", "Example Panel")),
        ('delivery.countries=["DE", "FR"]', ("delivery.countries", ["DE", "FR"])),
        ("support_phone=+49301234567", ("support_phone", "+49301234567")),
        ("public_url=http://localhost:1?a=b", ("public_url", "http://localhost:1?a=b")),
        ("panel_name=1\nkey = 2", ("panel_name", "1\nkey = 2")),
        ("panel_name=", ("panel_name", "")),
    ],
)
def test_set_takes_toml_or_a_bare_word(text, expected):
    assert parse_set(text) == expected


@pytest.mark.parametrize("text", ["policy.phones", "=1", "a b=1", 'x="open', "x=[1", "../x=1"])
def test_set_without_key_or_end_is_refused(text):
    with pytest.raises(ConfigError, match="--set"):
        parse_set(text)


def test_the_systems_file_counts_before_the_one_in_the_working_folder(tmp_path, monkeypatch):
    system = tmp_path / "system.toml"
    monkeypatch.setattr(settings_file, "SYSTEM_FILE", system)
    monkeypatch.chdir(tmp_path)
    assert find_config() is None
    (tmp_path / "twostep.toml").write_text(URL, encoding="utf-8")
    assert find_config() == Path("twostep.toml")
    system.write_text(URL, encoding="utf-8")
    assert find_config() == system


def test_a_folder_is_no_settings_file(tmp_path, monkeypatch):
    monkeypatch.setattr(settings_file, "SYSTEM_FILE", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twostep.toml").mkdir()
    assert find_config() is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o664, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path, mode):
    path = tmp_path / "my settings.toml"
    path.write_text(URL, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert str(caught.value) == f"{path}: others may write it. Run: chmod go-w '{path}'"
    path.chmod(mode & ~0o022)
    assert load(path, environ={}).public_url == "https://panel.example.com"


def test_a_file_belongs_to_root_or_to_the_caller(tmp_path, monkeypatch):
    path = tmp_path / "twostep.toml"
    path.write_text(URL, encoding="utf-8")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        assert load(path, environ={}).public_url == "https://panel.example.com"
        os.chown(path, owner + 2, -1)
    with pytest.raises(ConfigError, match=r"twostep\.toml: belongs to .+, not to root or .+ chown"):
        load(path, environ={})


def leave_out(path: Path) -> None:
    assert not path.exists()


def write_latin_1(path: Path) -> None:
    path.write_bytes(b"\xff")


@pytest.mark.parametrize("make", [leave_out, Path.mkdir, write_latin_1])
def test_a_file_that_cannot_be_read_is_named(tmp_path, make):
    make(path := tmp_path / "twostep.toml")
    with pytest.raises(ConfigError, match=r"twostep\.toml: (cannot be read|is not TOML): "):
        load(path, environ={})
