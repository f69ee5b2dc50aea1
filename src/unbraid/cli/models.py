"""`unbraid models`: what each model is, costs and may be used for."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from unbraid.models.catalog import ModelEntry

app = typer.Typer(help="List models; `show NAME` prints a whole card.")

_JSON = typer.Option("--json", help="Print JSON.")


@app.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: Annotated[bool, _JSON] = False) -> None:
    """List the models that can be named: licence, size, measured SDR (dB) by stem, cost."""
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from unbraid.models.catalog import DEFAULT_MODEL, catalog, user_models
    from unbraid.stems import STEMS

    entries = catalog()
    if as_json:
        known = [_describe(entry) for entry in entries] + _peers()
        print(json.dumps(known, indent=2, ensure_ascii=False))
        return
    if not entries:
        print(f"no models; put model sets into {user_models()}")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("name", "licence", "MB", *STEMS, "GMAC/s", "SHA-256"):
        words = heading in ("name", "licence", "SHA-256")
        table.add_column(heading, justify="left" if words else "right", overflow="fold")
    for entry in entries:
        about = _describe(entry)
        table.add_row(
            entry.name + (" *" if entry.name == DEFAULT_MODEL else ""),
            about["licence"],
            f"{entry.n_bytes / 1e6:.1f}",
            *(_figure(about["usdr_db"].get(stem)) for stem in STEMS),
            _figure(about["gmac_per_s"]),
            entry.sha256[:12],
        )
    console = Console(highlight=False)
    console.print(table)
    panels = sorted({str(e.cards[0].metrics.get("panel", "")) for e in entries} - {""})
    measured = f" ({'; '.join(panels)})" if panels else ""
    console.print(f"* the default. Stems: uSDR in dB on songs it never heard{measured}.")
    console.print("`unbraid models show NAME` tells what a model was trained on.")
    _print_peers(console)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name or path of a model.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Print a model's whole card."""
    from rich.console import Console
    from rich.table import Table

    from unbraid.models.catalog import find_model

    peer = next((about for about in _peers() if about["name"] == name), None)
    about = peer or _describe(find_model(name))
    if as_json:
        print(json.dumps(about, indent=2, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    table.add_column(style="bold", vertical="top")
    table.add_column(overflow="fold")
    for key, value in about.items():
        table.add_row(key.replace("_", " "), _text(value))
    Console().print(table)


def _peers() -> list[dict[str, Any]]:
    """Installed peers as plain values; none of them is imported for it."""
    from unbraid.peers.shipped import SHIPPED, Shipped
    from unbraid.separation.model import plugins

    about = []
    for name, point in plugins().items():
        package: Any = point.dist.metadata if point.dist else {}
        fields = [key for key in ("License-Expression", "License") if key in package]
        stated = package[fields[0]] if fields else "unknown"
        facts = SHIPPED.get(name) if point.value.startswith("unbraid.peers.") else None
        facts = facts or Shipped(name, f"{stated} (its package)", (), None)
        about.append(
            {
                "name": name,
                "origin": "peer",
                "package": f"{point.dist.name} {point.dist.version}" if point.dist else "",
                "licence": facts.licence,
                "usage": facts.usage,
                "install": facts.install or "ready",
            }
        )
    return about


def _print_peers(console: "Console") -> None:
    """Lines, not a table: what is to be typed must not be broken in the middle."""
    peers = _peers()
    width = max((len(peer["name"]) for peer in peers), default=0)
    if peers:
        console.print("\nPeers, other people's separators, with weights of your own:")
    for peer in peers:
        ready = peer["install"] == "ready"
        lines = [
            f"weights: {peer['licence']}",
            f"--model {peer['usage']}",
            *([] if ready else [f"needs {peer['install']}"]),
        ]
        for name, line in zip((peer["name"], "", ""), lines, strict=False):
            console.print(f"{name:{width}}  {line}", markup=False, soft_wrap=True)


def _describe(entry: "ModelEntry") -> dict[str, Any]:
    """One set as plain values: what its graphs' cards share, and what the files are."""
    card = entry.cards[0].to_dict()
    metrics = card["metrics"]
    return {
        "name": entry.name,
        "version": card["version"],
        "origin": entry.origin,
        "path": str(entry.path),
        "licence": card["licence"],
        "n_bytes": entry.n_bytes,
        "sha256": entry.sha256,
        "description": card["description"],
        "architecture": card["architecture"],
        "graphs": {
            file.name: list(c.stems) for file, c in zip(entry.files, entry.cards, strict=True)
        },
        "input": card["input"],
        "output": card["output"],
        "spec": card["spec"],
        "usdr_db": metrics.get("usdr_db", {}),
        "cpu_s_per_audio_s": metrics.get("cpu_s_per_audio_s"),
        "gmac_per_s": metrics.get("gmac_per_s"),
        "metrics": metrics,
        "training_data": card["training_data"],
    }


def _figure(value: Any, digits: int = 1) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "–"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_inline(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "\n".join(_inline(item) for item in value) or "none"
    return "not measured" if value is None else str(value)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
