"""`TaskData` without a backbone: every task trains a plain module with a plain Lightning Trainer."""

import shutil
from pathlib import Path

import lightning
import pytest
import torch
from torch import nn

from rpt.build import build_backbone
from rpt.config.check import check
from rpt.data.datamodule import TaskData
from rpt.data.rows import Rows
from rpt.errors import WeightsError
from tests.support.composed import compose
from tests.support.samples import TASKS

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*logging interval",
)
MAX_CHOICES = 64


class BagOfWords(lightning.LightningModule):
    """Classifier that uses only the fields of a batch and no other part of rpt.

    Attributes:
        seen: Last batch of each stage: `train`, `validate` and `test`.
    """

    def __init__(self, vocabulary=40_000):
        super().__init__()
        self.words, self.classes = nn.Embedding(vocabulary, 8), nn.Linear(8, MAX_CHOICES)
        self.seen = {}

    def training_step(self, rows, index):
        texts = (self.words(rows.ids) * rows.mask[..., None]).sum(1)  # [texts, 8]
        pooled = texts.new_zeros(len(rows), 8).index_add(0, rows.row_of_text, texts)
        self.seen[str(self.trainer.state.stage.value)] = rows
        return nn.functional.cross_entropy(self.classes(pooled), rows.target)

    validation_step = test_step = training_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def data_of(*overrides):
    return TaskData(check(compose([*overrides])))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_trains_a_plain_module_with_a_plain_trainer(task, tiny_bert, tmp_path):
    data = data_of(*tiny_bert, f"task={task}", "data=sample", "data.max_rows=24", "backbone.text_limit=400")
    module = BagOfWords()
    trainer = lightning.Trainer(fast_dev_run=True, accelerator="cpu", default_root_dir=tmp_path)
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    splits = {"train": data.train, "validate": data.held_out, "test": data.reported}
    assert module.seen.keys() == splits.keys()
    for stage, rows in module.seen.items():
        assert isinstance(rows, Rows)
        assert 0 < len(rows) <= len(splits[stage])
        for position, row in enumerate(rows.row.tolist()):
            texts = [ids[: int(mask.sum())] for ids, mask in zip(rows.ids, rows.mask, strict=True)]
            own = [ids.tolist() for ids, owner in zip(texts, rows.row_of_text, strict=True) if owner == position]
            assert own == [list(ids) for ids in splits[stage].inputs[row]]
            assert rows.examples[position] is splits[stage].examples[row]
            assert rows.target[position] == splits[stage].examples[row].target


@pytest.mark.parametrize("backbone", ["tiny_t5", "tiny_llama"])
def test_batches_of_a_language_model_have_target_texts_or_choices(backbone, request):
    data = data_of(*request.getfixturevalue(backbone), "task=copa", "data.max_rows=12")
    data.setup("fit")
    [train, *_], [evaluated, *_] = data.train_dataloader(), data.test_dataloader()
    assert train.written_mask.sum(1).tolist() == [len(data.train.outputs[row]) for row in train.row.tolist()]
    assert len(evaluated.written) == 2 * len(evaluated)  # both alternatives of each row


def test_the_weights_of_the_backbone_are_not_read(tiny_bert, tmp_path):
    folder = shutil.copytree(Path(tiny_bert[2].removeprefix("backbone.path=")), tmp_path / "broken")
    config = check(compose([*tiny_bert, "data.max_rows=24", "backbone.sha256=null", f"backbone.path={folder}"]))
    (folder / "model.safetensors").write_bytes(b"no weights")
    data = TaskData(config)
    data.prepare_data()
    data.setup("test")
    assert sum(len(rows) for rows in data.test_dataloader()) == 24
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        build_backbone(config, torch.device("cpu"))


def test_each_epoch_has_every_row_once_in_another_order(tiny_bert, tiny_cb, tmp_path):
    data, module = data_of(*tiny_bert, *tiny_cb), BagOfWords()
    data.setup()
    first, orders = [row for rows in data.train_dataloader() for row in rows.row.tolist()], []

    class Orders(lightning.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            orders.append([])

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, index):
            orders[-1].extend(batch.row.tolist())

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(max_epochs=3, accelerator="cpu", callbacks=[Orders()], **quiet)
    trainer.fit(module, data)
    assert [sorted(order) for order in orders] == [list(range(len(data.train)))] * 3
    assert len({tuple(order) for order in orders}) == 3
    assert orders[0] == first
