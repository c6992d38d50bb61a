"""`python -m docs.pages` writes the generated pages."""

from docs.pages import FOLDER, PAGES

for name, made in PAGES.items():
    (FOLDER / name).write_text(made(), encoding="utf-8")
    print(f"docs/{name}")
