"""The table that a campaign ends in."""

VERDICTS = {"refused": "refused in one line", "harmless": "harmless", "wrong": "wrong"}


def print_table(table):
    """Print counts {(kind, verdict): count}, a row for each kind and one for all; returns 1 if anything was wrong."""
    kinds = list(dict.fromkeys(kind for kind, _ in table))
    print(f"{'':14}{'tried':>8}" + "".join(f"{words:>22}" for words in VERDICTS.values()))
    for kind in [*kinds, "all"]:
        counts = [
            sum(n for (of, what), n in table.items() if what == each and kind in (of, "all")) for each in VERDICTS
        ]
        print(f"{kind:14}{sum(counts):8,}" + "".join(f"{number:22,}" for number in counts))
    return int(any(verdict == "wrong" and count for (_, verdict), count in table.items()))
