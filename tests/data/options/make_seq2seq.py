"""Makes the encoder-decoders of this folder: tiny, random, with options and searches that differ from what is usual.

Needs torch and transformers (made with 5.23.0): `python make_seq2seq.py [NAME ...]`. Sources have different lengths;
the expected answers (`greedy`, `beamN`: rows of all sources, padded, n best) are those of one padded batch, searched as
generation_config.json says. The reference is read back from the stored checkpoint.
"""

import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GenerationConfig, GenerationMixin, WhisperForConditionalGeneration

transformers.logging.set_verbosity_error()
OUT = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
VOCAB = 96
T5 = dict(
    vocab_size=VOCAB, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0, pad_token_id=0
)
BART = dict(
    vocab_size=VOCAB, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=96, pad_token_id=1,
    bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
)
WHISPER = dict(
    vocab_size=VOCAB, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=12, max_source_positions=30,
    max_target_positions=40, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
    begin_suppress_tokens=None,
)
C = {}


def case(name, mt, search, dtype="bfloat16", std=0.2, **kw):
    """`search`: what generation_config.json says; `beams` of it lists the searches that are made."""
    base = dict(T5 if mt in ("t5", "mt5", "umt5") else WHISPER if mt == "whisper" else BART)
    if mt == "marian":
        base.update(pad_token_id=VOCAB - 1, eos_token_id=0, bos_token_id=None, decoder_start_token_id=VOCAB - 1)
    base.update(kw)
    C[name] = (mt, base, dict(search), dtype, std)


ENDS = [1, 7, 11, 23, 40, 63]  # many ends, so that answers end at different lengths
case("t5_penalty", "t5", dict(beams=[4], num_return_sequences=3, length_penalty=2.0, max_length=24, eos_token_id=ENDS))
case("t5_early", "t5", dict(beams=[2, 5], early_stopping=True, max_new_tokens=20, eos_token_id=ENDS), num_decoder_layers=1)
case(
    "t5_never", "t5",
    dict(beams=[3, 4], early_stopping="never", length_penalty=0.6, max_length=22, num_return_sequences=2,
         eos_token_id=ENDS),
    relative_attention_num_buckets=8, relative_attention_max_distance=20,
)
case(
    "t5_gated", "t5", dict(beams=[6], length_penalty=-1.0, max_length=18, eos_token_id=[1, 30]),
    feed_forward_proj="gated-silu", tie_word_embeddings=False, num_heads=2, d_kv=24,
)
case(
    "t5_untied", "t5", dict(beams=[4], no_repeat_ngram_size=2, min_length=6, max_length=20, eos_token_id=ENDS),
    feed_forward_proj="gated-gelu", tie_word_embeddings=False,
)
case("mt5_rules", "mt5",
     dict(beams=[3], repetition_penalty=1.7, encoder_no_repeat_ngram_size=2, max_length=20, eos_token_id=[1, 12],
          bad_words_ids=[[5], [9, 4], [1], [33, 20, 8]], min_new_tokens=3))
case("umt5_rules", "umt5",
     dict(beams=[4], encoder_repetition_penalty=1.5, exponential_decay_length_penalty=[4, 1.3], max_length=24,
          renormalize_logits=True, eos_token_id=[1, 50]), feed_forward_proj="relu")
case("bart_forced", "bart",
     dict(beams=[4], forced_bos_token_id=6, forced_eos_token_id=2, max_length=16, num_return_sequences=2,
          eos_token_id=2, no_repeat_ngram_size=3),
     scale_embedding=True)
case("bart_odd", "bart",
     dict(beams=[3], early_stopping=True, suppress_tokens=[10, 11, 12], begin_suppress_tokens=[20, 21], max_length=20,
          sequence_bias=[[[15], 2.0], [[15, 16], -3.5]], eos_token_id=ENDS),
     activation_function="relu", encoder_layers=2, decoder_layers=1, decoder_attention_heads=2, encoder_ffn_dim=24)
case("mbart_pre", "mbart", dict(beams=[4], length_penalty=0.0, max_length=20, eos_token_id=ENDS), scale_embedding=True)
case("marian_base", "marian",
     dict(beams=[4, 6], max_length=24, length_penalty=0.6, bad_words_ids=[[VOCAB - 1]], forced_eos_token_id=0,
          eos_token_id=[0, 13, 29]),
     activation_function="swish", scale_embedding=True)
case("marian_apart", "marian",
     dict(beams=[4], max_length=20, num_return_sequences=4, eos_token_id=[0, 13, 29, 31], decoder_start_token_id=60,
          pad_token_id=60),
     share_encoder_decoder_embeddings=False, decoder_vocab_size=64, tie_word_embeddings=True,
     decoder_start_token_id=60, pad_token_id=60, activation_function="gelu")
MANY = [3, 8, 14, 17, 21, 22, 26, 28, 31, 35, 36, 39, 41, 44, 47, 50, 52, 55, 58, 59]
case("bart_ends", "bart",
     dict(beams=[5], num_return_sequences=4, max_length=40, eos_token_id=MANY[:8], length_penalty=2.0), std=0.1)
case("t5_ends", "t5",
     dict(beams=[6], num_return_sequences=6, max_length=30, eos_token_id=MANY, early_stopping="never"), std=0.08)
case("mbart_ends", "mbart",
     dict(beams=[4], num_return_sequences=2, max_length=40, eos_token_id=MANY[:6], early_stopping=True,
          length_penalty=0.6), std=0.1)
case("whisper_odd", "whisper",
     dict(beams=[3], max_length=18, suppress_tokens=[5, 6], begin_suppress_tokens=[8], eos_token_id=[2, 30]),
     encoder_ffn_dim=24, decoder_layers=1, activation_function="relu", num_mel_bins=7)


def randomize(model, std, ends):
    model.eval()
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "embed_positions" in n and model.config.model_type == "marian":
                continue  # sinusoids, which no checkpoint stores
            if p.dim() > 1:
                p.copy_(torch.randn_like(p) * std)
            elif "norm" in n and n.endswith("weight"):
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(0.1 * torch.randn_like(p))
        bias = getattr(model, "final_logits_bias", None)
        if bias is not None:
            bias.copy_(0.3 * torch.randn_like(bias))


def answers(model, rows, pad, **options):
    """The answers to the rows, padded, and their scores."""
    found = [
        GenerationMixin.generate(model, **row, return_dict_in_generate=True, output_scores=True, **options) for row in rows
    ]
    width = max(f.sequences.shape[1] for f in found)
    ids = [torch.nn.functional.pad(f.sequences, (0, width - f.sequences.shape[1]), value=pad or model.generation_config.eos_token_id[0] if "num_beams" in options and options["num_beams"] > 1 else pad) for f in found]
    scores = [f.sequences_scores for f in found if "sequences_scores" in f]
    return torch.cat(ids), torch.cat(scores) if scores else None


def make(name):
    mt, kw, search, dtype, std = C[name]
    torch.manual_seed(sum(map(ord, name)) + 5)
    kw = dict(kw)
    beams = search.pop("beams")
    config = AutoConfig.for_model(mt, **kw)
    whisper = mt == "whisper"
    cls = WhisperForConditionalGeneration if whisper else AutoModelForSeq2SeqLM
    model = cls.from_config(config) if not whisper else cls(config)
    ends = search.get("eos_token_id")
    randomize(model, std, ends)
    if name == "t5_untied":  # a checkpoint with a head of its own, as those of T5 v1.1
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) * std)
        model.config.tie_word_embeddings = False
    search.setdefault("decoder_start_token_id", kw["decoder_start_token_id"])
    search.setdefault("pad_token_id", kw["pad_token_id"])
    model.generation_config = GenerationConfig(num_beams=beams[0], **search)
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder)
    model = cls.from_pretrained(folder, dtype=torch.float32).eval()

    target_vocab = kw.get("decoder_vocab_size", VOCAB)
    decoder_input = torch.randint(0, target_vocab, (3, 15))
    decoder_input[:, 0] = kw["decoder_start_token_id"]
    x = {"decoder_input_ids": decoder_input}
    if whisper:
        x["input_features"] = torch.randn(3, kw["num_mel_bins"], 2 * kw["max_source_positions"])
        source = {"input_features": x["input_features"]}
    else:
        ids, mask = torch.randint(3, VOCAB - 2, (3, 37)), torch.ones(3, 37, dtype=torch.long)
        for row, length in ((0, 21), (2, 9)):
            mask[row, length:] = 0
            ids[row, length:] = kw["pad_token_id"]
        x |= {"input_ids": ids, "attention_mask": mask}
        source = {"input_ids": ids, "attention_mask": mask}
    with torch.no_grad():
        o = model(**source, decoder_input_ids=decoder_input)
        out = dict(x, encoder_hidden=o.encoder_last_hidden_state, logits=o.logits)
        # Rules that look at the source would look at its padding too: then each row is a batch of its own.
        alone = any(k.startswith("encoder_") for k in search)
        rows = [{k: v[i : i + 1, : int(mask[i].sum())] for k, v in source.items()} for i in range(3)] if alone else [source]
        out["greedy"], _ = answers(model, rows, kw["pad_token_id"], num_beams=1, num_return_sequences=1)
        for n in beams:
            out[f"beam{n}"], out[f"beam{n}.scores"] = answers(model, rows, kw["pad_token_id"], num_beams=n)
            ids = out[f"beam{n}"].tolist()
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "expected.safetensors"))
    lengths = [sum(t != kw["pad_token_id"] for t in row) for row in ids]
    print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1024, "KB", lengths)


for name in sys.argv[1:] or C:
    make(name)
