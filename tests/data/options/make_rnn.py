"""Makes the recurrent models of this folder: RWKV-4, RecurrentGemma and Qwen3-Next, tiny, random, with options that
differ from what is usual.

Needs torch and transformers (made with 5.23.0): `python make_rnn.py [NAME ...]`. The reference is read back from the
stored checkpoint and computes in float32.
"""

import os
import shutil
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM
from safetensors.torch import save_file

transformers.logging.set_verbosity_error()
OUT = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
RWKV = dict(vocab_size=90, hidden_size=32, num_hidden_layers=3, context_length=64, bos_token_id=0, eos_token_id=0)
GEMMA = dict(vocab_size=90, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
             num_key_value_heads=1, attention_window_size=9, pad_token_id=0, bos_token_id=2, eos_token_id=1)
NEXT = dict(vocab_size=90, hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, head_dim=12, linear_key_head_dim=8, linear_value_head_dim=8,
            linear_num_key_heads=2, linear_num_value_heads=4, num_experts=4, num_experts_per_tok=2,
            moe_intermediate_size=16, shared_expert_intermediate_size=24, max_position_embeddings=256)
C = {}


def case(name, mt, base, dtype="bfloat16", total=64, length=40, **kw):
    """`total`: length of the greedy continuation; `length` where it is none."""
    C[name] = (mt, dtype, total, length, base | kw)


case("rwkv_rescale", "rwkv", RWKV, rescale_every=1, layer_norm_epsilon=1e-2)
case("rwkv_wide", "rwkv", RWKV, attention_hidden_size=48, intermediate_size=20, rescale_every=0, total=40)
case("rwkv_tied", "rwkv", RWKV, tie_word_embeddings=True, rescale_every=2)
case("recurrent_gemma_odd", "recurrent_gemma", GEMMA, hidden_size=40, lru_width=48, conv1d_width=3, num_attention_heads=2,
     logits_soft_cap=5.0, attention_bias=True, rms_norm_eps=1e-3, hidden_activation="silu",
     rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.8), total=40)
case("recurrent_gemma_types", "recurrent_gemma", GEMMA, block_types=["attention", "recurrent"],
     tie_word_embeddings=False, num_key_value_heads=2)
case("recurrent_gemma_heads", "recurrent_gemma", GEMMA, block_types=["recurrent"], num_key_value_heads=None,
     num_hidden_layers=2, intermediate_size=50, total=40)
case("qwen3_next_odd", "qwen3_next", NEXT, linear_num_key_heads=2, linear_num_value_heads=6, linear_key_head_dim=6,
     linear_value_head_dim=10, linear_conv_kernel_dim=3, attention_bias=True, norm_topk_prob=False,
     rms_norm_eps=1e-4, tie_word_embeddings=True, layer_types=["full_attention", "linear_attention", "full_attention"])
case("qwen3_next_dense", "qwen3_next", NEXT, mlp_only_layers=[1], decoder_sparse_step=3, hidden_act="gelu",
     full_attention_interval=2, num_experts_per_tok=3, 
     rope_parameters=dict(rope_type="default", rope_theta=300.0, partial_rotary_factor=0.5))
case("qwen3_next_long", "qwen3_next", NEXT, num_hidden_layers=2, linear_num_value_heads=2, full_attention_interval=2,
     length=100, total=100)


def fill(model, mt, seed):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in model.named_parameters():
            x = torch.randn(p.shape, generator=g)
            if "norm" in n or ".ln" in n or "pre_ln" in n:
                centred = mt != "rwkv" and not n.endswith("linear_attn.norm.weight")
                x = x * 0.2 + (1 if n.endswith("weight") and not centred else 0)
            elif "time_mix" in n:
                x = torch.rand(p.shape, generator=g)
            elif n.endswith(("time_decay", "time_first", "A_log", "recurrent_param")):
                x = x * 1.5 - (1 if "decay" in n else 0)
            elif n.endswith("dt_bias"):
                x = x - 1
            elif "conv" in n and p.dim() > 1:
                x = x * 0.5
            elif p.dim() == 1 or n.endswith("bias"):
                x = x * 0.1
            else:
                x = x * (0.5 if "embed" in n else 1.5 / p.shape[-1] ** 0.5)
            p.copy_(x)
    return g


def make(k, name):
    mt, dtype, total, length, base = C[name]
    cfg = AutoConfig.for_model(mt, **base)
    model = AutoModelForCausalLM.from_config(cfg, attn_implementation="eager").float().eval()
    g = fill(model, mt, 9000 + k)
    folder = f"{OUT}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model.train()  # RWKV divides its weights for inference: saved as they are learned
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(3, base["vocab_size"], (2, length), generator=g)
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits
        out = {"input_ids": ids, "logits": logits.float().contiguous()}
        if total > length:
            out["greedy"] = model.generate(ids[:1], max_new_tokens=total - length, do_sample=False, eos_token_id=None)
            assert out["greedy"].shape[1] == total
    save_file(out, f"{folder}/expected.safetensors")
    print(name, "ok", float(logits.std()), flush=True)


for k, name in enumerate(C):
    if not sys.argv[1:] or name in sys.argv[1:]:
        try:
            make(k, name)
        except Exception as e:
            print(name, "FAILED", type(e).__name__, str(e)[:300], flush=True)
