"""Tone of texts by a model of the `transformers` library that lies in a local folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from atlas_assets.sentiment.engines import POLARITY_COLUMNS, FloatArray

# How models name their classes.
_NAMES = {
    "negative": ("negative", "neg", "bearish"),
    "neutral": ("neutral", "neu"),
    "positive": ("positive", "pos", "bullish"),
}
_COLUMN = {name: POLARITY_COLUMNS.index(column) for column, names in _NAMES.items() for name in names}

DIGITS = 4
"""Decimals of a score: further ones depend on which texts share a batch."""


class TransformerEngine:
    """A classifier of texts; the compound score is the probability of positive less that of negative.

    Nothing is downloaded, no code of the folder runs, and weights are read from safetensors alone, never from pickles.

    Parameters
    ----------
    model_folder : folder with config.json, the tokenizer's files and model.safetensors, as ``save_pretrained`` writes
        them; the classes must be named negative, positive and perhaps neutral, or bearish and bullish
    batch_size : texts at once
    most_tokens : only so many tokens of a text's beginning are read, and never more than the model can
    """

    name = "transformer"

    def __init__(self, model_folder: str, *, batch_size: int = 32, most_tokens: int = 256) -> None:
        if batch_size < 1 or most_tokens < 1:
            raise ValueError(f"batch_size and most_tokens must be positive, not {batch_size} and {most_tokens}.")
        self._torch, transformers = _library("torch"), _library("transformers")
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder, local_files_only=True)
            self._model = transformers.AutoModelForSequenceClassification.from_pretrained(
                model_folder, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise ValueError(
                f'"{model_folder}" holds no text classifier with its tokenizer and safetensors: save one there with '
                "save_pretrained."
            ) from error
        self._model.eval()
        self._columns = _columns(self._model.config.id2label, model_folder)
        self._batch_size = batch_size
        # A model may have more positions than tokens that it can read: RoBERTa 514 for 512.
        can_read = getattr(self._model.config, "max_position_embeddings", None) or most_tokens
        self._most_tokens = min(most_tokens, int(can_read), int(self._tokenizer.model_max_length))

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities of negative, neutral and positive, and compound; ndarray of shape (n_texts, 4)."""
        return np.concatenate([np.empty((0, len(POLARITY_COLUMNS))), *self._batches(texts)])

    def _batches(self, texts: Sequence[str]) -> Iterator[FloatArray]:
        for start in range(0, len(texts), self._batch_size):
            batch = list(texts[start : start + self._batch_size])
            tokens = self._tokenizer(
                batch, padding=True, truncation=True, max_length=self._most_tokens, return_tensors="pt"
            )
            with self._torch.inference_mode():
                logits = self._model(**tokens).logits
            probabilities = self._torch.softmax(logits.double(), dim=1).numpy()
            scores = np.zeros((len(batch), len(POLARITY_COLUMNS)))
            for label, column in enumerate(self._columns):
                scores[:, column] += probabilities[:, label]
            scores[:, 3] = scores[:, 2] - scores[:, 0]
            yield np.round(scores, DIGITS)


def _columns(labels: Mapping[int, str], model_folder: str) -> list[int]:
    """The column of `POLARITY_COLUMNS` to which each class of a model belongs."""
    columns = [_COLUMN.get(labels[number].lower()) for number in sorted(labels)]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns) or not {_COLUMN["negative"], _COLUMN["positive"]} <= set(known):
        raise ValueError(
            f'The classes of the model in "{model_folder}" are {[*labels.values()]}; name them negative, neutral and '
            "positive in its config.json."
        )
    return known


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f'The transformer engine needs {name}; install it with the extra "transformer", or choose another engine.'
        ) from error
