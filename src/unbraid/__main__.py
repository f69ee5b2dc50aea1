"""`python -m unbraid`, which is also what torchrun starts."""

try:
    from unbraid.cli.app import main
except ModuleNotFoundError as error:
    if error.name not in ("typer", "rich"):
        raise
    from unbraid.cli.bare import main  # training alone, where only torch is installed

main()
