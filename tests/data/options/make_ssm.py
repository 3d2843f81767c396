"""Makes the models of this folder that have state space layers: tiny, random, with odd sizes and options.

Needs torch and transformers (made with 5.23.0): `python make_ssm.py [NAME ...]`. The reference is read back from the
stored checkpoint and computes in float32. Cases with limits on the time step have no greedy continuation: there the
reference takes them in a prompt and not in a single step.
"""

import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

transformers.logging.set_verbosity_error()
OUT = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
IDS = dict(vocab_size=96, bos_token_id=1, eos_token_id=2, pad_token_id=0)
ATTENTION = dict(num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
C = {}


def case(name, mt, dtype="bfloat16", total=64, length=40, seed=0, **kw):
    """A model of type `mt` with the options `kw`. `seed`: one whose weights do not magnify rounding errors (the norm
    of a nearly constant stream does), so that float32 and float64 agree to 1e-5."""
    C[name] = (mt, dtype, total, length, seed, dict(IDS) | kw)


small = dict(hidden_size=32, num_hidden_layers=2)
case("mamba_bias", "mamba", "float32", **small, use_bias=True, use_conv_bias=False, conv_kernel=3, expand=3,
     state_size=5, time_step_rank="auto", tie_word_embeddings=False, length=50, total=50)
case("mamba_act", "mamba", **small, hidden_act="gelu", conv_kernel=8, expand=1, state_size=17, time_step_rank=7,
     layer_norm_epsilon=1e-2)
case("falcon_mamba_odd", "falcon_mamba", **small, mixer_rms_eps=1e-2, expand=3, state_size=6, conv_kernel=2,
     use_bias=True, time_step_rank=3, tie_word_embeddings=False)
case("mamba2_groups", "mamba2", "float32", **small, n_groups=2, num_heads=8, head_dim=8, state_size=10, expand=2,
     conv_kernel=3, use_bias=True, chunk_size=8, length=72, total=80)
case("mamba2_limits", "mamba2", **small, n_groups=4, num_heads=4, head_dim=24, state_size=7, expand=3,
     use_conv_bias=False, time_step_limit=(0.3, 0.9), tie_word_embeddings=True, chunk_size=16, total=40)
case("mamba2_act", "mamba2", **small, n_groups=1, num_heads=2, head_dim=32, state_size=16, hidden_act="relu",
     conv_kernel=1, layer_norm_epsilon=1e-2, chunk_size=16)
jamba = dict(hidden_size=24, intermediate_size=32) | ATTENTION
case("jamba_odd", "jamba", **jamba, num_hidden_layers=4, attn_layer_period=3, attn_layer_offset=0,
     expert_layer_period=2, expert_layer_offset=0, num_experts=3, num_experts_per_tok=1, mamba_d_state=5,
     mamba_d_conv=3, mamba_expand=3, mamba_dt_rank="auto", mamba_conv_bias=False, mamba_proj_bias=True,
     rms_norm_eps=1e-3)
case("jamba_dense", "jamba", "float32", **jamba | dict(num_key_value_heads=1), num_hidden_layers=3,
     attn_layer_period=2, attn_layer_offset=1, num_experts=1, num_experts_per_tok=1, mamba_d_state=8, mamba_d_conv=4,
     mamba_expand=2, mamba_dt_rank=6, hidden_act="gelu_pytorch_tanh", tie_word_embeddings=True)
bamba = dict(hidden_size=24, intermediate_size=32, mamba_chunk_size=16) | ATTENTION
case("bamba_odd", "bamba", **bamba, num_hidden_layers=4, attn_layer_indices=[0, 2], attention_bias=True,
     mlp_bias=True, mamba_n_groups=2, mamba_n_heads=4, mamba_d_head="auto", mamba_d_state=9, mamba_d_conv=3,
     mamba_expand=3, mamba_conv_bias=False, mamba_proj_bias=True,
     rope_parameters=dict(rope_theta=500.0, rope_type="linear", factor=2.0, partial_rotary_factor=0.5))
case("bamba_limits", "bamba", "float32", **bamba, num_hidden_layers=2, mamba_n_groups=1, mamba_n_heads=6,
     mamba_d_head=8, mamba_d_state=16, time_step_limit=(0.2, 0.8), tie_word_embeddings=True, length=80, total=80)
zamba = dict(hidden_size=20, intermediate_size=28, mamba_d_state=8, n_mamba_heads=4, chunk_size=16,
             max_position_embeddings=256, num_attention_heads=4, time_step_min=1e-6)
case("zamba2_blocks", "zamba2", seed=6, **zamba, num_hidden_layers=5, num_mem_blocks=2, adapter_rank=4,
     layers_block_type=["hybrid", "hybrid", "linear_attention", "hybrid", "linear_attention"],
     use_shared_attention_adapter=True, use_mem_rope=True, mamba_ngroups=2, mamba_expand=3, mamba_d_conv=3)
case("zamba2_bias", "zamba2", "float32", seed=6, **zamba | dict(time_step_min=0.4), num_hidden_layers=3,
     adapter_rank=3, layers_block_type=["hybrid", "linear_attention", "hybrid"], add_bias_linear=True,
     hidden_act="silu", tie_word_embeddings=False, rms_norm_eps=1e-2, total=40, mamba_expand=1)
nemotron = dict(hidden_size=32, intermediate_size=40, head_dim=12, ssm_state_size=8, mamba_num_heads=4,
                mamba_head_dim=8, chunk_size=16, time_step_min=1e-6) | ATTENTION
case("nemotron_h_moe", "nemotron_h", **nemotron, n_groups=2, conv_kernel=3,
     layers_block_type=["moe", "linear_attention", "full_attention", "moe", "mlp"], n_routed_experts=6,
     num_experts_per_tok=2, n_group=3, topk_group=2, norm_topk_prob=False, routed_scaling_factor=1.7,
     moe_intermediate_size=12, moe_shared_expert_intermediate_size=20)
case("nemotron_h_latent", "nemotron_h", **nemotron | dict(time_step_min=0.5), n_groups=4, use_bias=True,
     mlp_bias=True, use_conv_bias=False, layers_block_type=["linear_attention", "moe", "linear_attention"],
     n_routed_experts=4, num_experts_per_tok=3, moe_latent_size=16, moe_intermediate_size=12,
     moe_shared_expert_intermediate_size=14, mlp_hidden_act="silu", mamba_hidden_act="gelu", total=40)


def fill(model, seed):
    g = torch.Generator().manual_seed(seed)
    buffers = [(n, b) for n, b in model.named_buffers() if "correction_bias" in n]
    with torch.no_grad():
        for n, p in list(model.named_parameters()) + buffers:
            x = torch.randn(p.shape, generator=g)
            if "norm" in n:
                x = x * 0.2 + 1
            elif n.endswith("A_log"):
                x = x * 0.7
            elif n.endswith(("dt_bias", "dt_proj.bias")):
                x = x - 1
            elif n.endswith(".D"):
                pass
            elif "conv1d" in n:
                x = x * 0.5
            elif p.dim() == 1:
                x = x * 0.1
            elif "adapter" in n or "q_proj" in n:
                x = x * 0.4 / p.shape[-1] ** 0.5
            else:
                x = x * (0.5 if "embed" in n else 1.5 / p.shape[-1] ** 0.5)
            p.copy_(x)
    return g


def make(k, name):
    mt, dtype, total, length, seed, base = C[name]
    cfg = AutoConfig.for_model(mt, **base)
    model = AutoModelForCausalLM.from_config(cfg, attn_implementation="eager").float().eval()
    g = fill(model, 5000 + k + 100 * seed)
    folder = f"{OUT}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
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
    error = 0.0
    if "n_routed_experts" not in base and base.get("num_experts", 1) == 1:  # those there are for float32 alone
        with torch.no_grad():
            exact = model.double()(ids, use_cache=False).logits
        error = float((exact - logits).norm() / exact.norm())
    print(name, "ok", float(logits.std()), error, flush=True)


for k, name in enumerate(C):
    if not sys.argv[1:] or name in sys.argv[1:]:
        make(k, name)
