"""``python -m medtutor.datasets``: what is on this machine, where, and how to get the rest."""

from __future__ import annotations

from medtutor.datasets.places import data_root, found, how_to_get
from medtutor.datasets.registry import facts


def main() -> None:
    """Print one line a data set, then the instructions for each absent one."""
    places = found()
    width = max(map(len, places))
    print(f"data sets, looked for in {data_root()} (set MEDTUTOR_DATA to change it)\n")
    for name, place in places.items():
        print(f"  {name:{width}}  {'found ' if place else 'absent'}  {place or facts(name).counts}")
        print(f"  {'':{width}}  licence: {facts(name).licence}")
    for name, place in places.items():
        if place is None:
            print("\n" + how_to_get(facts(name)))
    print("\nEvery chapter runs without the absent ones, on its default data.")


if __name__ == "__main__":
    main()
