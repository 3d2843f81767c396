"""Makes the model and the recordings of this folder: a tiny random Whisper with windows of a second, a short and a long
recording, and what the reference writes down of them (expected.json: prompts, tokens and times of segments).

Needs torch, transformers (made with 5.23.0), soundfile and numpy: `python make.py`.
"""

import json
import os
import shutil

import numpy as np
import soundfile
import torch
import transformers
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

transformers.logging.set_verbosity_error()
OUT = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
TEXT, END, START = 40, 40, 41  # ids of text are below END
LANGUAGES = {"<|en|>": 42, "<|de|>": 43, "<|fr|>": 44}
TASKS = {"translate": 45, "transcribe": 46}
NO_TIMESTAMPS = 50
VOCAB = NO_TIMESTAMPS + 1 + 51
RATE = 16000


def recording(seconds, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    x = sum(a * np.sin(2 * np.pi * f * t * (1 + 0.1 * np.sin(t * s))) for a, f, s in
            zip(rng.uniform(0.05, 0.2, 6), rng.uniform(90, 3000, 6), rng.uniform(0.5, 9, 6)))
    return (x * (0.6 + 0.4 * np.sin(2 * np.pi * t * 1.3)) + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def main():
    torch.manual_seed(11)
    config = WhisperConfig(
        vocab_size=VOCAB, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=16, max_source_positions=50,
        max_target_positions=48, pad_token_id=END, bos_token_id=END, eos_token_id=END, decoder_start_token_id=START,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.1) + (1.0 if "norm.weight" in n else 0.0))
    model.generation_config = GenerationConfig(
        decoder_start_token_id=START, eos_token_id=END, pad_token_id=END, bos_token_id=END, max_length=48,
        lang_to_id=LANGUAGES, task_to_id=TASKS, no_timestamps_token_id=NO_TIMESTAMPS, is_multilingual=True,
        max_initial_timestamp_index=20, suppress_tokens=[3, 4], begin_suppress_tokens=[5, END],
    )
    for name in ("model.safetensors", "config.json", "generation_config.json"):
        if os.path.exists(os.path.join(OUT, name)):
            os.remove(os.path.join(OUT, name))
    model.to(torch.bfloat16).save_pretrained(OUT)
    extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=1)
    extractor.save_pretrained(OUT)
    soundfile.write(os.path.join(OUT, "long.flac"), recording(4.37, 1), RATE, subtype="PCM_16")
    soundfile.write(os.path.join(OUT, "short.wav"), recording(0.8, 2), RATE, subtype="PCM_24")
    stereo = np.stack([recording(0.5, 3), recording(0.5, 4)], 1)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        soundfile.write(os.path.join(OUT, f"stereo_{subtype.lower()}.wav"), stereo[:400], 8000, subtype=subtype)
    soundfile.write(os.path.join(OUT, "stereo.flac"), stereo[:400], 44100, subtype="PCM_24")

    model = WhisperForConditionalGeneration.from_pretrained(OUT, dtype=torch.float32).eval()
    cases = []
    for file, options in (
        ("short.wav", {}),
        ("short.wav", {"language": "de", "task": "translate"}),
        ("short.wav", {"language": "fr", "return_timestamps": True}),
        ("short.wav", {"return_timestamps": True, "num_beams": 3}),
        ("long.flac", {"return_timestamps": True}),
        ("long.flac", {"return_timestamps": True, "language": "de", "num_beams": 2}),
    ):
        sound, _ = soundfile.read(os.path.join(OUT, file), dtype="float32")
        is_long = len(sound) > RATE
        x = extractor(sound, sampling_rate=RATE, return_tensors="pt", truncation=False,
                      padding="longest" if is_long else "max_length").input_features
        if not options.get("return_timestamps"):
            options = dict(options)  # one window, also where a random model writes timestamps on its own
            options["force_unique_generate_call"] = True
        r = model.generate(x, return_segments=True, return_dict_in_generate=True, **options)
        segments = [{"start": float(s["start"]), "end": float(s["end"]), "ids": s["tokens"].tolist()}
                    for s in r["segments"][0]] if "segments" in r else [{"ids": r["sequences"][0].tolist()}]
        options.pop("force_unique_generate_call", None)
        cases.append({"file": file, "options": options, "segments": segments})
        print(file, options, [(s.get("start"), s.get("end"), len(s["ids"])) for s in segments])
    samples = {}
    for name in sorted(os.listdir(OUT)):
        if name.startswith("stereo"):
            data, rate = soundfile.read(os.path.join(OUT, name), dtype="float64")
            samples[name] = {"rate": rate, "mean": data.mean(1)[:60].tolist(), "count": len(data)}
    json.dump({"cases": cases, "recordings": samples}, open(os.path.join(OUT, "expected.json"), "w"))


main()
