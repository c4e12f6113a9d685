"""A page of HTML as a strict reader sees it: whole, or refused with the place of its fault."""

from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link", "input"}
NEVER = {"script", "svg", "img", "link", "style", "iframe", "object", "embed", "form", "base"}
"""What mail programs drop or fetch."""


class Page(HTMLParser):
    """The words and the tags of a page; AssertionError where its tags are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def words(self) -> str:
        """All text of the page, runs of blanks as one."""
        return " ".join(" ".join(self.texts).split())

    @property
    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def values(self) -> list[str]:
        """The value of every attribute of every tag."""
        return [value for _, attributes in self.tags for value in attributes.values()]


def assert_mail_programs_show_it(html: str) -> Page:
    """Nothing is run, fetched or embedded, nor styled in a way that mail programs drop."""
    page = Page(html)
    assert page.names.isdisjoint(NEVER), page.names & NEVER
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name in {"src", "href"} for name in attributes)
    for value in page.values():
        assert "url(" not in value
        assert "data:" not in value
        assert "//" not in value
    return page
