"""`python -m unbraid`, which is also what torchrun starts."""

from unbraid.cli.app import main

main()
