"""Write anew what is generated in the pages of `spec/`: `python -m tests.spec`."""

from __future__ import annotations

from .book import Book


def main() -> None:
    """Write every page that is stale, and say which."""
    book = Book.load()
    for page in book.pages:
        text = book.fresh(page)
        if text != page.text:
            page.path.write_text(text, encoding="utf-8")
            print(f"wrote {page.path.name}")


if __name__ == "__main__":
    main()
