"""What a model folder is worth: every row of the model card, through the real completer and engine.

    python -m training.evaluate humaneval     HumanEval infilling: pass@1 by running the tests, tokens a forward
    python -m training.evaluate infilling     held-out packages: exact match of the rest of the line
    python -m training.evaluate ends          held-out packages: where a text ends, suffixes said twice
    python -m training.evaluate repair        one bug in a held-out function; clean code
    python -m training.evaluate calibration   what the confidence of a whole line is worth
    python -m training.evaluate shown         what an editor shows at held-out places, and how often it is right
    python -m training.evaluate frontier      time a line against pass@1, with llama.cpp on the base weights
    python -m training.evaluate writing       lines typed again: keys saved, proposals that are right, flicker
    python -m training.evaluate beside        the same with other files of their packages open
    python -m training.evaluate within        words within lines typed again: the same, and what comes uncalled
    python -m training.evaluate all           the ten of them: `make eval`

`--update` writes the figures into the model's folder (`evaluation.json`, the card `README.md`, `frontier.svg`); alone,
with no question asked, it drops figures of other weights. `--figures` takes those of earlier runs (`--out`) along.
"""
