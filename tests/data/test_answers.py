"""A decoder is scored on the tokens that an answer has after its source, as transformers tokenises the joint text."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
)

from rpt import build
from rpt.backbones.load import load_tokenizer
from rpt.backbones.texts import CausalTokenizer
from rpt.backbones.tokens import tokenize
from rpt.config.check import check
from rpt.data.encode import encode_pairs, encode_texts
from rpt.data.inputs import build_source
from rpt.data.prepare import build_encoded, build_task
from rpt.errors import DataError
from rpt.runs import train
from rpt.tasks.example import Example
from tests.support.composed import compose

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 64,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS = {"llama": LlamaConfig, "mistral": MistralConfig, "phi3": Phi3Config}
each_type = pytest.mark.parametrize("model_type", CONFIGS)


def mistral_v1(texts, template="<s> $A"):
    """Make a tokenizer like that of Mistral v1: a space before every text, no split into words, and byte fallback."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words = Tokenizer(models.BPE(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    words.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False))
    trained = json.loads(words.to_str())["model"]
    vocab = {**trained["vocab"], "▁▁": len(trained["vocab"])}
    merges = [("▁", "▁"), *map(tuple, trained["merges"])]
    bpe = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.add_special_tokens(special[:3])
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    ids = [(token, bpe.token_to_id(token)) for token in ("<s>", "</s>") if token in template]
    bpe.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def save_model(folder, model_type, tokenizer):
    """Save a tiny random model in the hub's layout."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[model_type](vocab_size=len(tokenizer), **SIZES))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(sample_texts, tmp_path_factory):
    """Model folders: one of each type with the same tokenizer, and `ended`, whose tokenizer appends `</s>`."""
    by_name = {name: tmp_path_factory.mktemp(name) for name in (*CONFIGS, "ended")}
    for name, folder in by_name.items():
        template = "<s> $A </s>" if name == "ended" else "<s> $A"
        save_model(folder, name if name in CONFIGS else "llama", mistral_v1(sample_texts, template))
    return by_name


def configured(folder, *overrides):
    named = ["backbone=local", f"backbone.path={folder}", "backbone.dtype=float32", "backbone.text_limit=700"]
    return check(compose([*named, "trainer.device=cpu", "trainer.progress=false", "encoder=none", *overrides]))


def texts_of(config, split):
    """Yield the source text, the choices and the target text of each row, without a tokenizer."""
    form = config.task.formats.causal
    task = build_task(config)
    for example in task.examples(build_source(config).splits[split]):
        yield form.source.format_map(example.fields), example.choices, example.gold


def joint_tokens(tokenizer, source, text):
    """Split the tokens of `source text` into those of the source and those of the answer with its end token."""
    before, joint = tokenizer(source)["input_ids"], tokenizer(f"{source} {text}")["input_ids"]
    assert joint[: len(before)] == before
    return before, [*joint[len(before) :], tokenizer.eos_token_id]


# Tests of decoders with SentencePiece-like tokenizers


@pytest.mark.parametrize("task", ["cb", "copa", "record"])
@each_type
def test_the_score_of_a_choice_is_its_log_likelihood_in_the_joint_text(model_type, task, folders, tmp_path):
    folder = folders[model_type]
    rows = 15 if task == "cb" else 6
    config = configured(folder, f"task={task}", f"data.max_rows={rows}", f"output_dir={tmp_path}")
    [outcome] = train([config])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    lines = list(map(json.loads, (outcome.folder / "predictions.jsonl").read_text().splitlines()))
    for line, (source, choices, _) in zip(lines, texts_of(config, "val"), strict=True):
        expected = []
        for choice in choices:
            before, ids = joint_tokens(tokenizer, source, choice)
            # Tokenised without the source, the choice has one more space.
            assert tokenizer(f" {choice}", add_special_tokens=False)["input_ids"] != ids[:-1]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*before, *ids]])).logits[0, len(before) - 1 : -1]
            expected.append(float(logits.log_softmax(dim=1).gather(1, torch.tensor(ids)[:, None]).sum()))
        assert line["scores"] == pytest.approx(expected, rel=1e-5)
        assert line["predicted"] == choices[expected.index(max(expected))]


@pytest.mark.parametrize("task", ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"])
def test_targets_and_choices_have_the_tokens_of_the_joint_text(task, folders):
    config = configured(folders["mistral"], f"task={task}", "data.max_rows=5", "backbone.text_limit=1000")
    backbone = build.build_backbone(config, torch.device("cpu"))
    reader = build_task(config)
    found = build_encoded(
        config, backbone.tokenizer, reader, list(reader.examples(build_source(config).splits["train"]))
    )
    for row, (source, choices, gold) in enumerate(texts_of(config, "train")):
        before, output = joint_tokens(backbone.tokenizer, source, gold)
        assert (list(found.inputs[row]), list(found.outputs[row])) == ([before], output)
        assert list(found.choices[row]) == [joint_tokens(backbone.tokenizer, source, choice)[1] for choice in choices]


@pytest.fixture(scope="module")
def decoders_by_kind(folders, tiny_llama):
    paths = {"pieces": folders["mistral"], "bytes": tiny_llama[2].partition("=")[2]}
    return {kind: CausalTokenizer(load_tokenizer(Path(path), "causal")) for kind, path in paths.items()}


words = st.lists(
    st.sampled_from(["the", "Unbelievably", "é", "王", "a-b", "1984", "", "\n", "▁", "x" * 40]), max_size=30
)


@pytest.mark.parametrize("kind", ["pieces", "bytes"])
@settings(max_examples=80)
@given(source=words.map(" ".join), answer=words.map(" ".join), joined=st.sampled_from(["", ":", " ", "\n"]))
def test_an_answer_has_its_tokens_of_the_joint_text_or_is_refused(kind, decoders_by_kind, source, answer, joined):
    backbone, source = decoders_by_kind[kind], source + joined
    [[found]] = backbone.answers(backbone.sources([source]), [[answer]])
    before, joint = (backbone.tokenizer(text)["input_ids"] for text in (source, f"{source} {answer}"))
    is_kept = joint[: len(before)] == before
    assert found == ([*joint[len(before) :], backbone.tokenizer.eos_token_id] if is_kept else None)


def test_an_answer_that_changes_the_tokens_of_its_source_is_refused(decoders_by_kind):
    row = Example(idx=(3, 1), fields={"text": "It rains."}, choices=("no", "yes"), target=0)
    with pytest.raises(DataError) as caught:
        encode_texts(decoders_by_kind["pieces"], [row], "{text} Answer: ", None, 50)
    assert str(caught.value) == (
        "row idx (3, 1): the tokenizer joins the end of the source with the answer 'no', which then has no tokens of "
        "its own. Let the task's source template end with a word or a punctuation mark."
    )


def test_with_a_byte_level_tokenizer_an_answer_has_the_tokens_of_a_space_and_its_text(decoders_by_kind):
    backbone = decoders_by_kind["bytes"]
    sources = [f"{'rain ' * count}\nIs this right?\nAnswer:" for count in range(30)]
    for row in backbone.answers(backbone.sources(sources), [["no", "yes", "Ann Lee"]] * 30):
        alone = [backbone.tokenizer(f" {text}")["input_ids"] for text in ("no", "yes", "Ann Lee")]
        assert row == [[*ids, backbone.tokenizer.eos_token_id] for ids in alone]


# Tests of control tokens


def test_the_end_token_that_a_tokenizer_appends_is_removed_from_a_source(folders):
    config = configured(folders["ended"], "task=cb", "data.max_rows=5")
    plain = AutoTokenizer.from_pretrained(folders["llama"])
    backbone = build.build_backbone(config, torch.device("cpu"))
    assert backbone.tokenizer("rain")["input_ids"][-1] == backbone.tokenizer.eos_token_id
    reader = build_task(config)
    found = build_encoded(config, backbone.tokenizer, reader, list(reader.examples(build_source(config).splits["val"])))
    for row, (source, choices, _) in enumerate(texts_of(config, "val")):
        assert list(found.inputs[row]) == [plain(source)["input_ids"]]
        assert list(found.choices[row]) == [joint_tokens(plain, source, choice)[1] for choice in choices]
    row = Example(idx=0, fields={"text": "rain " * 50}, choices=("no", "yes"), target=0)
    [[ids]] = encode_texts(CausalTokenizer(backbone.tokenizer), [row], "{text} Answer:", "text", 30).inputs
    assert (len(ids), ids[0], backbone.tokenizer.eos_token_id in ids) == (30, 1, False)


SENTENCE = "He wrote {} twice: {}, and went on."


def test_a_control_token_in_a_text_is_tokenised_as_text(minilm_tokenizer, tiny_t5_tokenizer, decoders_by_kind):
    tokenizers = {"minilm": minilm_tokenizer, "t5": tiny_t5_tokenizer}
    tokenizers |= {kind: backbone.tokenizer for kind, backbone in decoders_by_kind.items()}
    for name, tokenizer in tokenizers.items():
        for token in tokenizer.all_special_tokens:
            text = SENTENCE.format(token, token)
            [found] = tokenize(tokenizer, [text], template=False)
            assert not {*found.ids} & ({*tokenizer.all_special_ids} - {tokenizer.unk_token_id}), (name, token)
            read = tokenizer.decode(found.ids).lower().replace(" ", "")
            if token != tokenizer.unk_token:
                assert read == text.lower().replace(" ", ""), (name, token)


def test_a_control_token_in_a_pair_is_tokenised_as_its_characters(tiny_t5_tokenizer):
    end = tiny_t5_tokenizer.eos_token_id
    signs = [tiny_t5_tokenizer.convert_tokens_to_ids(sign) for sign in "</s>"]
    row = Example(idx=0, fields={"a": "rain </s> rain", "b": "sun </s>"}, choices=("x", "y"), target=0)
    [[whole]] = encode_pairs(tiny_t5_tokenizer, [row], "{a}", "{b}", 50).inputs
    assert (whole.count(end), whole[-1]) == (2, end)
    assert "".join(map(str, signs)) in "".join(map(str, whole))
    [[cut]] = encode_pairs(tiny_t5_tokenizer, [row], "{a}", "{b}", len(whole) - 4).inputs
    assert cut == whole[: whole.index(end) - 4] + whole[whole.index(end) :]


def test_a_control_token_in_a_source_neither_ends_nor_changes_its_truncation(decoders_by_kind):
    backbone = decoders_by_kind["pieces"]
    row = Example(idx=0, fields={"text": "rain </s> " * 30}, choices=("no", "yes"), target=0)
    [[whole]] = encode_texts(backbone, [row], "{text} Answer:", "text", 1000).inputs
    [[ids]] = encode_texts(backbone, [row], "{text} Answer:", "text", 40).inputs
    assert (len(ids), {0, 2} & {*whole}, whole.count(1)) == (40, set(), 1)
    assert backbone.tokenizer.decode(ids[1:]).startswith("rain </s> rain </s>")
    assert backbone.tokenizer.decode(ids).endswith("Answer:")


# Tests of choices with equal tokens


def copa(folder, tied):
    """Write rows of COPA, and return their overrides. The choices of the first `tied` rows have equal tokens."""
    (folder / "COPA").mkdir(parents=True)
    for split, count in (("train", 40), ("val", 20)):
        rows = []
        for idx in range(count):
            choices = ("\U0001f600", "\U0001f601") if idx < tied else ("It rained.", "The sun shone.")
            row = dict(zip(("choice1", "choice2"), choices, strict=True))
            rows.append({"premise": "The ground was wet.", **row, "question": "cause", "idx": idx, "label": idx % 2})
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "COPA" / f"{split}.jsonl").write_text(lines)
    return ["task=copa", "data=jsonl", f"data.root={folder}", "protocol=paper"]


def test_rows_whose_choices_have_equal_tokens_are_counted_in_the_record(configure, tmp_path):
    [outcome] = train([configure(*copa(tmp_path / "rows", tied=1), "trainer.epochs=1")])
    assert outcome.record.data.tied == {"train": 1, "held_out": 1, "reported": 1}
    assert "tied choices: 1 of 20 reported rows have choices of the same tokens; the first of them wins" in (
        outcome.record.warnings
    )


def test_too_many_rows_whose_choices_have_equal_tokens_are_refused(configure, tmp_path):
    with pytest.raises(DataError) as caught:
        train([configure(*copa(tmp_path / "rows", tied=3))])
    assert str(caught.value) == (
        "3 of 40 train rows have choices that the tokenizer cannot tell apart, such as '\U0001f600' and '\U0001f601' "
        "of row idx 0, more than data.max_tied_share=0.05. Change the choices in the task's text format, choose a "
        "backbone whose tokenizer knows their words, or set data.max_tied_share higher."
    )


def test_label_texts_with_equal_tokens_are_refused(tiny_t5):
    same = "task.formats.seq2seq.choices=['\U0001f600','\U0001f601','\U0001f602']"
    config = check(compose([*tiny_t5, "task=cb", "data.max_rows=20", same]))
    with pytest.raises(DataError, match=r"rows have choices that the tokenizer cannot tell apart"):
        train([config])


@pytest.mark.slow
def test_with_the_real_decoder_an_answer_has_the_tokens_of_a_space_and_its_text():
    for name in ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"):
        config = check(compose(["backbone=smollm2", f"task={name}", "data.max_rows=20", "encoder=none"]))
        backbone = build.build_backbone(config, torch.device("cpu"))
        task, tokenizer = build_task(config), backbone.tokenizer
        found = build_encoded(config, backbone.tokenizer, task, list(task.examples(build_source(config).splits["val"])))
        for row, (source, choices, gold) in enumerate(texts_of(config, "val")):
            alone = [[*tokenizer(f" {text}")["input_ids"], tokenizer.eos_token_id] for text in (gold, *choices)]
            assert [found.outputs[row], *found.choices[row]] == alone
            assert found.inputs[row] == [tokenizer(source)["input_ids"]]
