"""A browser of text alone: it reads HTML and sends forms, and knows no script, style or picture."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

from tests.support.article import pattern


VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "source", "wbr"})
PAGE_BUDGET = 10 * 1024


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str]
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Node]:
        """Every element of these kinds in it."""
        for child in self.children:
            if isinstance(child, Node):
                if child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def words(self) -> str:
        """What it says, blanks squeezed."""
        return " ".join(self._raw().split())

    def _raw(self) -> str:
        if self.tag in {"script", "style"}:
            return ""
        parts = [child if isinstance(child, str) else child._raw() for child in self.children]
        joined = "".join(parts)
        return joined if self.tag in {"span", "strong", "b", "bdi", "small"} else f" {joined} "

    def inside(self, tag: str) -> Node | None:
        """The nearest element of that kind around it."""
        around = self.parent
        while around is not None and around.tag != tag:
            around = around.parent
        return around


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.current = Node("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: text or "" for name, text in attrs}, self.current)
        self.current.children.append(node)
        if tag not in VOID:
            self.current = node

    def handle_endtag(self, tag: str) -> None:
        closing: Node | None = self.current
        while closing is not None and closing.tag != tag:
            closing = closing.parent
        if closing is not None and closing.parent is not None:
            self.current = closing.parent

    def handle_data(self, data: str) -> None:
        self.current.children.append(data)


def read_html(text: str) -> Node:
    """Read a page."""
    reader = _Reader()
    reader.feed(text)
    return reader.root


class PlainWalker:
    """Walks without a browser; every page it gets must keep to the budget."""

    def __init__(self, url: str, user_agent: str) -> None:
        self.url = url
        self.client = httpx.Client(
            base_url=url,
            headers={"user-agent": user_agent, "accept-language": "en-US"},
            follow_redirects=True,
            timeout=60,
            trust_env=False,
        )
        self.here = "/"
        self.page = Node("", {})
        self.typed: dict[int, str] = {}

    def close(self) -> None:
        """Close its connections."""
        self.client.close()

    def open(self, path: str) -> None:
        self._take(self.client.get(path))

    def press(self, name: str) -> None:
        controls = [
            node
            for node in self.page.all("a", "button")
            if pattern(name).match(node.words) and "hidden" not in node.attributes
        ]
        targets = {control.attributes.get("href", id(control)) for control in controls}
        assert len(targets) == 1, f"{len(targets)} of {name!r} on {self.here}: {self.read()}"
        if controls[0].tag == "a":
            self.open(urljoin(self.here, controls[0].attributes["href"]))
        else:
            self._send(controls[0])

    def open_menu(self, user: str) -> None:
        menus = [menu.words for menu in self.page.all("summary")]
        assert menus.count(f"Account menu, {user}") == 1

    def fill(self, label: str, text: str) -> None:
        self.typed[id(self._field(label))] = text

    def select(self, label: str, option: str) -> None:
        field_ = self._field(label)
        option_ = next(choice for choice in field_.all("option") if choice.words.startswith(option))
        self.typed[id(field_)] = option_.attributes["value"]

    def choose(self, label: str) -> None:
        circle = self._field(label)
        self.typed[id(circle)] = circle.attributes["value"]

    def arrive(self, path: str, heading: str) -> None:
        assert (self.here, [element.words for element in self.page.all("h1")]) == (path, [heading])

    def read_picture(self) -> str:
        link = next(
            link for link in self.page.all("a") if link.words == "Open in my authenticator app"
        )
        return link.attributes["href"]

    def read_codes(self) -> list[str]:
        marked = (element.attributes.get("data-backup-code") for element in self.page.all("code"))
        return [code for code in marked if code]

    def read(self) -> str:
        return next(self.page.all("body")).words

    def _take(self, response: httpx.Response) -> None:
        assert response.status_code == 200, response.text
        weight = len(gzip.compress(response.content, 9))
        assert weight <= PAGE_BUDGET, f"{response.url}: {weight} bytes"
        assert str(response.url).startswith(f"{self.url}/")
        parts = urlsplit(str(response.url))
        self.here = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.page = read_html(response.text)
        self.typed = {}

    def _field(self, label: str) -> Node:
        names = [
            element.attributes["for"]
            for element in self.page.all("label")
            if element.words == label
        ]
        assert len(names) == 1, f"{label!r} on {self.here}: {self.read()}"
        return next(
            control
            for control in self.page.all("input", "select", "textarea")
            if control.attributes.get("id") == names[0]
        )

    def _send(self, button: Node) -> None:
        form = button.inside("form")
        assert form is not None
        fields: dict[str, str] = {}
        for control in form.all("input", "select"):
            name = control.attributes.get("name")
            value = self._value(control, form)
            if name and value is not None:
                fields[name] = value
        if name := button.attributes.get("name"):
            fields[name] = button.attributes.get("value", "")
        action = urljoin(self.here, form.attributes.get("action") or self.here)
        if form.attributes.get("method", "get").lower() == "get":
            self._take(self.client.get(action, params=fields))
        else:
            self._take(self.client.post(action, data=fields, headers={"origin": self.url}))

    def _value(self, control: Node, form: Node) -> str | None:
        if control.tag == "select":
            options = list(control.all("option"))
            chosen = [item for item in options if "selected" in item.attributes] or options[:1]
            return self.typed.get(id(control), chosen[0].attributes["value"])
        if control.attributes.get("type") in {"radio", "checkbox"}:
            group = [
                other
                for other in form.all("input")
                if other.attributes.get("name") == control.attributes.get("name")
            ]
            asked = [control for control in group if id(control) in self.typed]
            chosen = asked or [control for control in group if "checked" in control.attributes]
            return control.attributes.get("value", "on") if control in chosen else None
        return self.typed.get(id(control), control.attributes.get("value", ""))
