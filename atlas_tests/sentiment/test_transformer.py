"""The transformer engine on a tiny model that the test makes, and what it says where something is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from atlas_assets.sentiment import transformer
from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.transformer import TransformerEngine

TEXTS = ["shares rise", "profit falls and falls", "the table", "rise rise rise and rise"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "shares", "rise", "profit", "falls", "and", "the", "table"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of two small layers with seeded random weights, saved as any model is."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    labels = {0: "Neutral", 1: "Bearish", 2: "Bullish"}
    config = transformers.BertConfig(
        vocab_size=len(WORDS), max_position_embeddings=12, initializer_range=1.0, id2label=labels, **sizes
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    return tmp_path


def test_scores_are_the_models_own_probabilities(folder: Path) -> None:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = TransformerEngine(str(folder), batch_size=3).score(TEXTS)
    for text, row in zip(TEXTS, scores, strict=True):
        with torch.inference_mode():
            neutral, negative, positive = torch.softmax(model(**tokenizer(text, return_tensors="pt")).logits, 1)[
                0
            ].tolist()
        np.testing.assert_allclose(row, [negative, neutral, positive, positive - negative], atol=1e-4)
    assert np.ptp(scores[:, 3]) > 0.01


def test_long_texts_are_cut_and_batches_change_nothing(folder: Path) -> None:
    analyzer = SentimentAnalyzer("transformer", model_folder=str(folder))
    long = "rise and falls " * 400
    scores = analyzer.score([*TEXTS, long, None])
    assert np.isnan(scores[-1])
    assert (np.abs(scores[:-1]) <= 1).all()
    alone = [analyzer.score([text])[0] for text in [*TEXTS, long]]
    np.testing.assert_allclose(scores[:-1], alone, atol=1.1e-4)
    assert TransformerEngine(str(folder)).score([]).shape == (0, 4)


def test_no_more_tokens_are_asked_for_than_model_and_tokenizer_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(max_position_embeddings=514, id2label={0: "negative", 1: "positive"})
    tokenizer, model = SimpleNamespace(model_max_length=512), SimpleNamespace(config=config, eval=lambda: None)

    def class_of(part: object) -> SimpleNamespace:
        return SimpleNamespace(from_pretrained=lambda *_, **__: part)

    library = SimpleNamespace(AutoTokenizer=class_of(tokenizer), AutoModelForSequenceClassification=class_of(model))
    monkeypatch.setattr(transformer, "import_module", lambda _: library)
    assert [TransformerEngine("m", most_tokens=most)._most_tokens for most in (256, 1_000)] == [256, 512]


def test_a_folder_without_a_safe_model_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="holds no text classifier"):
        TransformerEngine(str(tmp_path_factory.mktemp("empty")))
    import torch

    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        TransformerEngine(str(folder))


def test_classes_without_names_are_refused() -> None:
    with pytest.raises(ValueError, match="LABEL_0"):
        transformer._columns({0: "LABEL_0", 1: "LABEL_1"}, "model")
    with pytest.raises(ValueError, match="name them"):
        transformer._columns({0: "negative", 1: "neutral"}, "model")
    assert transformer._columns({1: "POSITIVE", 0: "negative"}, "model") == [0, 2]


def test_a_missing_library_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(transformer, "import_module", absent)
    with pytest.raises(ImportError, match=r"needs torch; install it with the extra"):
        SentimentAnalyzer("transformer", model_folder="model").score(["text"])


def test_the_folder_goes_with_the_engine() -> None:
    with pytest.raises(ValueError, match="model_folder"):
        SentimentAnalyzer("transformer")
    with pytest.raises(ValueError, match="model_folder"):
        SentimentAnalyzer("vader", model_folder="model")
