"""Makes the models of this folder: tiny, random, with options that differ from what is usual.

Needs torch and transformers (made with 5.23.0): `python make.py [NAME ...]`. Of every other case the reference is
read back from the stored checkpoint, with exact RoPE frequencies; of the rest it is the model that was cast to the
stored type, frequencies and all. `old` cases have config.json in the key layout of transformers 4.
"""

import json
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
BASE = dict(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
C = {}


def case(name, mt, dtype=None, shard=None, old=False, total=64, **kw):
    """A model of type `mt` with the options `kw`; `total`: length of the greedy continuation."""
    base = dict(BASE)
    if mt == "gpt2":
        base = dict(
            vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2
        )
    if mt == "bloom":
        base = dict(vocab_size=96, hidden_size=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2)
    if mt == "opt":
        base = dict(
            vocab_size=96,
            hidden_size=32,
            ffn_dim=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=128,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    if mt == "gpt_neox":
        base.pop("num_key_value_heads")
    if mt == "phi3":
        base.update(hidden_size=64)
    base.update(kw)
    dtype = dtype or ("bfloat16" if len(C) % 6 else "float32")
    C[name] = (mt, dtype, shard, old, total, base)


def rp(**k):
    return dict(rope_theta=10000.0) | k


# llama
case("llama_bias", "llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
case(
    "llama_hd",
    "llama",
    head_dim=24,
    num_key_value_heads=1,
    hidden_act="gelu",
    rms_norm_eps=1e-3,
    dtype="bfloat16",
)
case("llama_linear", "llama", rope_parameters=rp(rope_type="linear", factor=4.0), old=True)
case(
    "llama_llama3",
    "llama",
    head_dim=32,
    rope_parameters=rp(
        rope_type="llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=64,
        rope_theta=500000.0,
    ),
    old=True,
)
case(
    "llama_yarn",
    "llama",
    head_dim=32,
    rope_parameters=rp(rope_type="yarn", factor=4.0, original_max_position_embeddings=64),
)
case(
    "llama_yarn2",
    "llama",
    head_dim=32,
    rope_parameters=rp(
        rope_type="yarn",
        factor=8.0,
        original_max_position_embeddings=32,
        attention_factor=1.7,
        beta_fast=16.0,
        beta_slow=2.0,
        truncate=False,
    ),
)
case(
    "llama_longrope",
    "llama",
    head_dim=16,
    rope_parameters=rp(
        rope_type="longrope",
        factor=8.0,
        original_max_position_embeddings=32,
        long_factor=[1.0 + i for i in range(8)],
        short_factor=[1.0 + i / 4 for i in range(8)],
    ),
)
case("llama_dynamic", "llama", rope_parameters=rp(rope_type="dynamic", factor=4.0))
case(
    "llama_dynamic_long",
    "llama",
    max_position_embeddings=32,
    rope_parameters=rp(rope_type="dynamic", factor=4.0),
    total=40,
)
case("llama_shards", "llama", dtype="float16", shard="30KB", hidden_act="relu")
case(
    "llama_odd",
    "llama",
    vocab_size=91,
    hidden_size=60,
    intermediate_size=77,
    num_attention_heads=6,
    num_key_value_heads=3,
    num_hidden_layers=1,
    hidden_act="gelu_pytorch_tanh",
)
case("mistral_none", "mistral", sliding_window=None, dtype="float16", old=True)
case(
    "mistral_win",
    "mistral",
    sliding_window=7,
    head_dim=8,
    tie_word_embeddings=True,
    rope_parameters=rp(rope_type="yarn", factor=4.0, original_max_position_embeddings=64),
)
case("mixtral_win", "mixtral", sliding_window=9, num_local_experts=5, num_experts_per_tok=3, head_dim=24)
case(
    "mixtral_tied",
    "mixtral",
    num_local_experts=3,
    num_experts_per_tok=1,
    tie_word_embeddings=True,
    dtype="bfloat16",
    hidden_act="gelu",
    old=True,
)
case(
    "qwen2_win",
    "qwen2",
    use_sliding_window=True,
    sliding_window=8,
    max_window_layers=1,
    dtype="bfloat16",
    tie_word_embeddings=True,
)
case(
    "qwen2_types",
    "qwen2",
    num_hidden_layers=3,
    use_sliding_window=True,
    sliding_window=8,
    layer_types=["sliding_attention", "full_attention", "sliding_attention"],
)
case(
    "qwen2_yarn",
    "qwen2",
    rope_parameters=rp(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64, rope_theta=1000000.0
    ),
    old=True,
)
case(
    "qwen3_bias",
    "qwen3",
    head_dim=8,
    attention_bias=True,
    use_sliding_window=True,
    sliding_window=10,
    num_hidden_layers=3,
    max_window_layers=2,
)
case("qwen3_tied", "qwen3", head_dim=48, tie_word_embeddings=True, dtype="bfloat16", old=True)
case(
    "qwen3moe_norm",
    "qwen3_moe",
    head_dim=16,
    num_experts=6,
    num_experts_per_tok=3,
    moe_intermediate_size=40,
    norm_topk_prob=True,
    decoder_sparse_step=2,
)
case(
    "qwen3moe_only",
    "qwen3_moe",
    num_experts=6,
    num_experts_per_tok=2,
    moe_intermediate_size=40,
    num_hidden_layers=3,
    mlp_only_layers=[1],
    attention_bias=True,
    use_sliding_window=True,
    sliding_window=11,
    tie_word_embeddings=True,
)
case(
    "phi3_partial",
    "phi3",
    rope_parameters=rp(rope_type="default", partial_rotary_factor=0.5),
    sliding_window=12,
    dtype="bfloat16",
)
case(
    "phi3_long",
    "phi3",
    max_position_embeddings=256,
    original_max_position_embeddings=32,
    rope_parameters=rp(
        rope_type="longrope",
        long_factor=[1.0 + i for i in range(8)],
        short_factor=[1.0 + i / 4 for i in range(8)],
    ),
)
case(
    "phi3_short",
    "phi3",
    max_position_embeddings=1024,
    original_max_position_embeddings=128,
    tie_word_embeddings=True,
    rope_parameters=rp(
        rope_type="longrope",
        long_factor=[1.0 + i for i in range(6)],
        short_factor=[1.0 + i / 4 for i in range(6)],
        partial_rotary_factor=0.75,
    ),
    old=True,
)
case(
    "phi3_cross",
    "phi3",
    max_position_embeddings=256,
    original_max_position_embeddings=48,
    rope_parameters=rp(
        rope_type="longrope",
        long_factor=[1.0 + i for i in range(8)],
        short_factor=[1.0 + i / 4 for i in range(8)],
    ),
)
case("gemma_untied", "gemma", head_dim=24, tie_word_embeddings=False, hidden_act="gelu")
case(
    "gemma_bias", "gemma", head_dim=8, num_key_value_heads=4, attention_bias=True, old=True, hidden_act="silu"
)
case(
    "gemma2_nocap",
    "gemma2",
    head_dim=24,
    attn_logit_softcapping=None,
    final_logit_softcapping=None,
    sliding_window=9,
    query_pre_attn_scalar=50,
)
case(
    "gemma2_caps",
    "gemma2",
    head_dim=16,
    attn_logit_softcapping=2.0,
    final_logit_softcapping=3.0,
    num_hidden_layers=3,
    sliding_window=5,
    layer_types=["full_attention", "sliding_attention", "sliding_attention"],
    attention_bias=True,
    old=True,
)
case(
    "gemma3_global",
    "gemma3_text",
    head_dim=16,
    num_hidden_layers=7,
    sliding_window=6,
    rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
        sliding_attention=dict(rope_type="default", rope_theta=5000.0),
    ),
)
case(
    "gemma3_pattern",
    "gemma3_text",
    head_dim=24,
    num_hidden_layers=5,
    sliding_window=6,
    sliding_window_pattern=2,
    query_pre_attn_scalar=30,
    final_logit_softcapping=5.0,
    attn_logit_softcapping=4.0,
    tie_word_embeddings=False,
    old=True,
)
case(
    "gemma3_types",
    "gemma3_text",
    head_dim=24,
    num_hidden_layers=3,
    sliding_window=6,
    layer_types=["full_attention", "sliding_attention", "full_attention"],
    dtype="bfloat16",
)
case(
    "olmo2_odd",
    "olmo2",
    attention_bias=True,
    tie_word_embeddings=True,
    num_key_value_heads=1,
    rms_norm_eps=1e-4,
)
case(
    "olmo2_yarn",
    "olmo2",
    rope_parameters=rp(rope_type="yarn", factor=4.0, original_max_position_embeddings=64),
    dtype="bfloat16",
)
case(
    "smollm3_nope",
    "smollm3",
    num_hidden_layers=5,
    attention_bias=True,
    mlp_bias=True,
    tie_word_embeddings=False,
)
case(
    "smollm3_win",
    "smollm3",
    num_hidden_layers=3,
    no_rope_layers=[1, 0, 1],
    use_sliding_window=True,
    sliding_window=8,
)
case("smollm3_int", "smollm3", no_rope_layer_interval=2, num_hidden_layers=4, dtype="bfloat16", old=True)
case(
    "granite_odd",
    "granite",
    attention_bias=True,
    mlp_bias=True,
    attention_multiplier=0.3,
    embedding_multiplier=3.5,
    residual_multiplier=0.7,
    logits_scaling=2.0,
    tie_word_embeddings=True,
)
DS = dict(
    num_key_value_heads=4,
    n_routed_experts=8,
    num_experts_per_tok=3,
    moe_intermediate_size=24,
    n_shared_experts=2,
    kv_lora_rank=16,
    q_lora_rank=None,
    qk_rope_head_dim=8,
    qk_nope_head_dim=12,
    v_head_dim=20,
    n_group=2,
    topk_group=2,
    first_k_dense_replace=1,
)
case("ds_noq", "deepseek_v3", **DS)
case(
    "ds_yarn",
    "deepseek_v3",
    **(
        DS
        | dict(
            q_lora_rank=24,
            n_group=4,
            topk_group=2,
            norm_topk_prob=False,
            routed_scaling_factor=1.5,
            attention_bias=True,
            rope_interleave=False,
            rope_parameters=rp(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=64,
                mscale=1.0,
                mscale_all_dim=1.0,
            ),
        )
    ),
)
case(
    "ds_yarn2",
    "deepseek_v3",
    **(
        DS
        | dict(
            first_k_dense_replace=0,
            n_group=1,
            topk_group=1,
            rms_norm_eps=1e-4,
            rope_parameters=rp(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=64,
                mscale=0.707,
                mscale_all_dim=1.3,
            ),
        )
    ),
    old=True,
    dtype="bfloat16",
)
case("ds_dense", "deepseek_v3", **(DS | dict(first_k_dense_replace=9, tie_word_embeddings=True)))
case(
    "gpt2_odd",
    "gpt2",
    n_inner=50,
    activation_function="relu",
    scale_attn_by_inverse_layer_idx=True,
    tie_word_embeddings=False,
    layer_norm_epsilon=1e-3,
)
case(
    "gpt2_noscale",
    "gpt2",
    scale_attn_weights=False,
    dtype="float16",
    reorder_and_upcast_attn=True,
    activation_function="gelu",
)
case(
    "neox_seq",
    "gpt_neox",
    use_parallel_residual=False,
    attention_bias=False,
    rope_parameters=rp(rope_type="default", partial_rotary_factor=1.0),
    tie_word_embeddings=True,
)
case(
    "neox_old",
    "gpt_neox",
    rotary_pct=0.5,
    rotary_emb_base=5000,
    old=True,
    hidden_act="gelu_fast",
    dtype="float16",
)
case("neox_linear", "gpt_neox", rope_parameters=rp(rope_type="linear", factor=2.0, partial_rotary_factor=0.5))
case("opt_post", "opt", do_layer_norm_before=False, word_embed_proj_dim=16, activation_function="gelu")
case("opt_nobias", "opt", enable_bias=False, layer_norm_elementwise_affine=False, tie_word_embeddings=False)
case("opt_nofinal", "opt", _remove_final_layer_norm=True, dtype="float16")
case("bloom_post", "bloom", apply_residual_connection_post_layernorm=True, n_head=8, dtype="bfloat16")
case("bloom_heads", "bloom", hidden_size=30, n_head=6, tie_word_embeddings=False)


def to_old(cfg):
    rpz = cfg.pop("rope_parameters", None)
    if rpz:
        if "full_attention" in rpz:
            cfg["rope_theta"] = rpz["full_attention"].pop("rope_theta")
            cfg["rope_local_base_freq"] = rpz["sliding_attention"]["rope_theta"]
            rest = rpz["full_attention"]
        else:
            cfg["rope_theta"] = rpz.pop("rope_theta")
            rest = rpz
        p = rest.pop("partial_rotary_factor", None)
        if p is not None:
            cfg["partial_rotary_factor"] = p
        cfg["rope_scaling"] = None if rest.get("rope_type") == "default" else rest
        if cfg["rope_scaling"] and cfg["model_type"] == "phi3":
            cfg["rope_scaling"].pop("original_max_position_embeddings", None)
    if cfg["model_type"] == "gpt_neox":
        cfg["rotary_pct"] = cfg.pop("partial_rotary_factor", 0.25)
        cfg["rotary_emb_base"] = cfg.pop("rope_theta")
    cfg["torch_dtype"] = cfg.pop("dtype", None)
    if "num_local_experts" in cfg and cfg["model_type"] == "qwen3_moe":
        cfg["num_experts"] = cfg.pop("num_local_experts")
    cfg["transformers_version"] = "4.40.0"
    return cfg


names = sys.argv[1:] or list(C)
for k, name in enumerate(C):
    if name not in names:
        continue
    mt, dtype, shard, old, total, base = C[name]
    try:
        torch.manual_seed(1000 + k)
        cfg = AutoConfig.for_model(mt, **base)
        cfg._attn_implementation = "eager"
        m = AutoModelForCausalLM.from_config(cfg, attn_implementation="eager").float().eval()
        g = torch.Generator().manual_seed(k)
        with torch.no_grad():
            for n, p in list(m.named_parameters()) + [
                (n, b) for n, b in m.named_buffers() if "correction_bias" in n
            ]:
                if "norm" in n or "ln_" in n:
                    p.copy_(
                        torch.randn(p.shape, generator=g) * 0.2 + (0 if mt.startswith("gemma") else 1)
                        if n.endswith("weight")
                        else torch.randn(p.shape, generator=g) * 0.1
                    )
                elif p.dim() == 1:
                    p.copy_(torch.randn(p.shape, generator=g) * 0.1)
                else:
                    p.copy_(
                        torch.randn(p.shape, generator=g)
                        * (0.5 if "embed" in n or "wte" in n else 1.5 / p.shape[-1] ** 0.5)
                    )
        td = getattr(torch, dtype)
        m = m.to(td)
        d = f"{OUT}/{name}"
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d)
        kw = {"max_shard_size": shard} if shard else {}
        m.save_pretrained(d, **kw)
        if k % 2 == 0:
            m = AutoModelForCausalLM.from_pretrained(
                d, dtype=torch.float32, attn_implementation="eager"
            ).eval()
        else:
            m = m.float().eval()
        ids = torch.randint(3, base["vocab_size"], (2, 40), generator=g)
        with torch.no_grad():
            logits = m(ids, use_cache=False).logits
            out = {"input_ids": ids, "logits": logits.float().contiguous()}
            if total > 40:
                m.generation_config.eos_token_id = None
                m.generation_config.pad_token_id = 0
                out["greedy"] = m.generate(
                    ids[:1], max_new_tokens=total - 40, do_sample=False, eos_token_id=None
                )
                assert out["greedy"].shape[1] == total
        save_file(out, f"{d}/expected.safetensors")
        if old:
            p = f"{d}/config.json"
            cfgj = to_old(json.load(open(p)))
            json.dump(cfgj, open(p, "w"), indent=1)
            m2 = AutoModelForCausalLM.from_pretrained(
                d, dtype=torch.float32, attn_implementation="eager"
            ).eval()
            with torch.no_grad():
                diff = (m2(ids, use_cache=False).logits - logits).abs().max().item()
            if diff > 1e-5 and (k % 2 == 0 or dtype == "float32"):
                print(name, "OLD LAYOUT DIFFERS", diff)
        print(name, "ok", float(logits.std()), flush=True)
    except Exception as e:
        print(name, "FAILED", type(e).__name__, str(e)[:300], flush=True)
