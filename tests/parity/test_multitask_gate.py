"""The encoder `rank_one` is compared with PEFT's multitask prompt tuning of the same weights."""

import peft
import torch
from peft import MultitaskPromptTuningConfig, TaskType
from peft.tuners.multitask_prompt_tuning import MultitaskPromptEmbedding
from torch import nn

from rpt.prompt.factorised import RankOne

LENGTH, HIDDEN = 7, 16


def test_rank_one_without_around_one_equals_the_gate_of_peft_for_a_single_task():
    torch.manual_seed(0)
    config = MultitaskPromptTuningConfig(
        task_type=TaskType.SEQ_2_SEQ_LM,
        num_virtual_tokens=LENGTH,
        token_dim=HIDDEN,
        num_transformer_submodules=1,
        num_attention_heads=2,
        num_layers=2,
        num_tasks=1,
        num_ranks=1,
    )
    peft_embedding = MultitaskPromptEmbedding(config, nn.Embedding(3, HIDDEN))
    encoder = RankOne(length=LENGTH, hidden=HIDDEN, around_one=False)
    state = {
        "rows": peft_embedding.prefix_task_cols[0].detach(),
        "columns": peft_embedding.prefix_task_rows[0].detach(),
    }
    encoder.load_state_dict(state, strict=True)
    with torch.no_grad():
        expected = peft_embedding(torch.arange(LENGTH)[None], torch.tensor([0]))[0]
        actual = encoder(peft_embedding.embedding.weight)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-7, msg=lambda text: f"peft {peft.__version__}: {text}")
