"""`unbraid models`: what models there are, and what each says of itself."""

import json
from typing import Annotated, Any

import typer


def models(
    name: Annotated[str | None, typer.Argument(help="Show this model's whole card")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List models with their licence, size, quality and cost; or show one model's card."""
    from unbraid.models.catalog import DEFAULT_MODEL, catalog, find_model

    if name is not None:
        print(json.dumps(_entry(find_model(name)), indent=2, ensure_ascii=False))
        return
    entries = catalog()
    if as_json:
        print(json.dumps([_entry(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    from unbraid.stems import STEMS

    table = Table("model", "origin", "licence", "MB", "GMAC/s", *STEMS, "sha256")
    for entry in entries:
        card = entry.cards[0]
        usdr_db = card.metrics.get("usdr_db", {})
        is_default = " (default)" if entry.name == DEFAULT_MODEL else ""
        table.add_row(
            entry.name + is_default,
            entry.origin,
            card.licence,
            f"{entry.n_bytes / 1e6:.1f}",
            str(card.metrics.get("gmac_per_s", "")),
            *(f"{usdr_db[stem]:.1f}" if stem in usdr_db else "" for stem in STEMS),
            entry.sha256[:12],
        )
    console = Console()
    console.print(table)
    panels = {str(e.cards[0].metrics.get("panel")) for e in entries if "panel" in e.cards[0].metrics}
    console.print(f"uSDR in dB on: {'; '.join(sorted(panels)) or 'not measured'}")
    console.print("`unbraid models NAME` shows what a model was trained on.")


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "origin": entry.origin,
        "path": str(entry.path),
        "bytes": entry.n_bytes,
        "sha256": entry.sha256,
        "graphs": [card.to_dict() for card in entry.cards],
    }
