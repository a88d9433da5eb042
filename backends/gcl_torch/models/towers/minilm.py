"""all-MiniLM-L6-v2, a small BERT for sentence embeddings (Wang et al., arXiv 2002.10957)."""

import torch
from safetensors.torch import load_file
from torch import nn

from gcl_spec.models.pretrained import text_folder
from gcl_torch.models.undrawn import undrawn

__all__ = ["MiniLM"]


class MiniLM(nn.Module):
    """A tower from token ids (B, L) to the mean of the last layer over the text, (B, 384).

    Dropout is off in training too, so that a resumed run has no random state to restore.
    """

    width = 384

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel  # takes seconds to import

        folder = text_folder()
        config = BertConfig.from_pretrained(folder, local_files_only=True)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        with undrawn():
            self.bert = BertModel(config, add_pooling_layer=False)
        state = load_file(folder / "model.safetensors")
        unused = ("pooler.", "embeddings.position_ids")
        self.bert.load_state_dict({n: x for n, x in state.items() if not n.startswith(unused)})
        self.bert.train(False)

    def checkpointing(self) -> None:
        """Keep only the inputs of layers for backward, and compute the rest again."""
        # transformers 5.2x renamed the method; its old name warns where the new one exists.
        enable = getattr(self.bert, "activation_checkpointing_enable", None)
        (enable or self.bert.gradient_checkpointing_enable)({"use_reentrant": False})

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """The mean (B, 384) over positions that the mask keeps, as the model was trained."""
        hidden = self.bert(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        kept = mask_BL[:, :, None].to(hidden.dtype)
        pooled: torch.Tensor = (hidden * kept).sum(1) / kept.sum(1).clamp_min(1.0)
        return pooled
