"""Makes the vision models of this folder: tiny, random, with options and sizes that differ from what is usual.

Needs torch and transformers (made with 5.23.0): `python make_vision.py [NAME ...]`. Expected outputs are those of the
model as it is read back from the stored checkpoint, in float32.
"""

import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    CLIPConfig,
    CLIPForImageClassification,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    DeiTModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    LlavaConfig,
    LlavaForConditionalGeneration,
    SiglipConfig,
    SiglipForImageClassification,
    SiglipModel,
    SiglipTextConfig,
    SiglipTextModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

transformers.logging.set_verbosity_error()
OUT = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8)
TEXT = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, vocab_size=64,
            max_position_embeddings=16, bos_token_id=1, pad_token_id=0)
LM = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
          vocab_size=96, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
CASES = {}


def case(name):
    def add(f):
        CASES[name] = f
        return f

    return add


def images(count, height, width, channels=3):
    return torch.randn(count, channels, height, width)


def keep(name, model, dtype, call, inputs):
    """Random weights that matter, stored in `dtype`, read back; the outputs of call(model)."""
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() < 2 or p.std() < 0.05:
                p.add_(0.2 * torch.randn_like(p))
    model.to(dtype).save_pretrained(folder)
    again = type(model).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        outputs = call(again)
    tensors = {k: v.clone().contiguous() for k, v in (inputs | outputs).items() if v is not None}
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(name, {k: tuple(v.shape) for k, v in tensors.items()}, size // 1024, "KB")


def seen(pixels, names, **more):
    def call(m):
        o = m(pixel_values=pixels, **more)
        return {n: getattr(o, n) for n in names}

    return call


def word_tokenizer(folder, size, specials, around=None):
    """A tokenizer of words w0 w1 ..., with special tokens at the ids given."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocab = {specials.get(i, f"w{i}"): i for i in range(size)}
    t = Tokenizer(models.WordLevel(vocab, unk_token="w3"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.add_special_tokens(list(specials.values()))
    if around:
        t.post_processor = processors.TemplateProcessing(single=around, special_tokens=[(v, k) for k, v in specials.items()])
    t.save(os.path.join(folder, "tokenizer.json"))
    return t


def photograph():
    from PIL import Image

    return Image.open(os.path.join(OUT, "..", "images", "source.png")).convert("RGB")


def prepared(folder, kind, **options):
    """The photograph by an image processor, whose settings go into the folder."""
    processor = kind(**options)
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as f:
        f.write(processor.to_json_string())
    return torch.tensor(processor(photograph(), return_tensors="np")["pixel_values"])


def seen_by_clip(name):
    """Labels in words for a photograph: what `ridge classify --labels` has to give."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = os.path.join(OUT, name)
    t = word_tokenizer(folder, 64, {1: "<s>", 5: "</s>", 0: "<pad>"}, "<s> $A </s>")
    x = prepared(folder, CLIPImageProcessorPil, size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    labels = ["w9 w10", "w20", "w30 w7 w8", "w63"]
    phrase = "w40 w41 {} w42"
    logits = []
    with torch.no_grad():
        for label in labels:
            ids = torch.tensor([t.encode(phrase.replace("{}", label)).ids])
            logits.append(model(pixel_values=x, input_ids=ids).logits_per_image[0, 0])
    probabilities = torch.stack(logits).softmax(0).tolist()
    with open(os.path.join(folder, "labels.json"), "w") as f:
        json.dump({"phrase": phrase, "labels": labels, "probabilities": probabilities}, f)


def seen_by_llava(name, rows):
    """A question about two photographs: what `ridge run --image` has to give."""
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    folder = os.path.join(OUT, name)
    t = word_tokenizer(folder, 96, {0: "<pad>", 1: "<s>", 2: "</s>", 90: "<image>"}, "<s> $A")
    x = prepared(folder, LlavaImageProcessorPil, do_pad=True, size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    with open(os.path.join(folder, "chat_template.jinja"), "w") as f:
        f.write("{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
                "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}")
    prompt = "w10 w11 <image> w12 <image> w13 w14"
    ids = torch.tensor([t.encode(prompt.replace("<image>", " ".join(["<image>"] * rows))).ids])
    with torch.no_grad():
        out = model.generate(input_ids=ids, pixel_values=torch.cat([x, x.clone()]), attention_mask=torch.ones_like(ids),
                             max_new_tokens=20, do_sample=False)
    with open(os.path.join(folder, "seen.json"), "w") as f:
        json.dump({"prompt": prompt, "prompt_ids": ids[0].tolist(), "ids": out[0, ids.shape[1]:].tolist()}, f)


BARE = ["last_hidden_state", "pooler_output"]


@case("vit_bare")
def _(name):
    c = ViTConfig(**SMALL | dict(image_size=[24, 40], qkv_bias=False, hidden_act="gelu_new", pooler_output_size=20,
                                 pooler_act="relu", layer_norm_eps=1e-3))
    x = images(3, 24, 40)
    keep(name, ViTModel(c), torch.bfloat16, seen(x, BARE), {"pixel_values": x})


@case("vit_larger")
def _(name):
    c = ViTConfig(**SMALL | dict(num_channels=1, num_labels=3, hidden_act="relu"))
    x = images(2, 45, 72, 1)
    keep(name, ViTForImageClassification(c), torch.float32, seen(x, ["logits"], interpolate_pos_encoding=True),
         {"pixel_values": x})


@case("deit_teacher")
def _(name):
    c = DeiTConfig(**SMALL | dict(num_labels=5))
    x = images(2, 24, 24)
    keep(name, DeiTForImageClassificationWithTeacher(c), torch.bfloat16,
         seen(x, ["logits", "cls_logits", "distillation_logits"], interpolate_pos_encoding=True), {"pixel_values": x})


@case("deit_bare")
def _(name):
    c = DeiTConfig(**SMALL | dict(qkv_bias=False))
    x = images(1, 32, 32)
    keep(name, DeiTModel(c), torch.float32, seen(x, BARE), {"pixel_values": x})


@case("dinov2_swiglu")
def _(name):
    c = Dinov2Config(**SMALL | dict(use_swiglu_ffn=True, mlp_ratio=3, num_labels=4, patch_size=6, image_size=30))
    x = images(2, 36, 20)
    keep(name, Dinov2ForImageClassification(c), torch.bfloat16, seen(x, ["logits"]), {"pixel_values": x})


@case("dinov2_nobias")
def _(name):
    c = Dinov2Config(**SMALL | dict(qkv_bias=False, use_mask_token=False, hidden_act="silu"))
    x = images(1, 33, 33)
    keep(name, Dinov2Model(c), torch.float32, seen(x, BARE), {"pixel_values": x})


def clip_config(**more):
    return CLIPConfig(
        text_config=CLIPTextConfig(**TEXT | dict(eos_token_id=5, hidden_act="gelu")).to_dict(),
        vision_config=CLIPVisionConfig(**SMALL | dict(hidden_act="gelu")).to_dict(),
        projection_dim=20,
        **more,
    )


def texts(end):
    ids = torch.randint(6, 64, (3, 12))
    ids[0, 7], ids[1, 11], ids[2, 4], ids[2, 9] = end, end, end, end
    return ids


@case("clip_end")
def _(name):
    ids, x = texts(5), images(2, 40, 24)
    names = ["image_embeds", "text_embeds", "logits_per_image", "logits_per_text"]
    keep(name, CLIPModel(clip_config()), torch.bfloat16,
         seen(x, names, input_ids=ids, interpolate_pos_encoding=True), {"pixel_values": x, "input_ids": ids})
    seen_by_clip(name)


@case("clip_text_projected")
def _(name):
    ids = texts(2)
    c = CLIPTextConfig(**TEXT | dict(eos_token_id=2, projection_dim=12))
    keep(name, CLIPTextModelWithProjection(c), torch.float32,
         lambda m: {n: getattr(m(input_ids=ids), n) for n in ["text_embeds", "last_hidden_state"]}, {"input_ids": ids})


@case("clip_vision_projected")
def _(name):
    c = CLIPVisionConfig(**SMALL | dict(projection_dim=12))
    x = images(2, 32, 32)
    keep(name, CLIPVisionModelWithProjection(c), torch.float32, seen(x, ["image_embeds", "last_hidden_state"]),
         {"pixel_values": x})


@case("clip_labels")
def _(name):
    x = images(2, 32, 32)
    keep(name, CLIPForImageClassification(clip_config(num_labels=3)), torch.float32, seen(x, ["logits"]),
         {"pixel_values": x})


def siglip_config(**more):
    return SiglipConfig(
        text_config=SiglipTextConfig(**TEXT | dict(eos_token_id=5, projection_size=32)).to_dict(),
        vision_config=SiglipVisionConfig(**SMALL).to_dict(),
        **more,
    )


@case("siglip_both")
def _(name):
    ids, x = texts(5), images(2, 32, 48)
    names = ["image_embeds", "text_embeds", "logits_per_image", "logits_per_text"]
    keep(name, SiglipModel(siglip_config()), torch.bfloat16,
         seen(x, names, input_ids=ids, interpolate_pos_encoding=True), {"pixel_values": x, "input_ids": ids})


@case("siglip_text")
def _(name):
    ids = texts(5)
    c = SiglipTextConfig(**TEXT | dict(projection_size=18))
    keep(name, SiglipTextModel(c), torch.float32, lambda m: {n: getattr(m(input_ids=ids), n) for n in BARE},
         {"input_ids": ids})


@case("siglip_headless")
def _(name):
    c = SiglipVisionConfig(**SMALL | dict(vision_use_head=False, hidden_act="gelu"))
    x = images(3, 32, 32)
    keep(name, SiglipVisionModel(c), torch.float32, seen(x, ["last_hidden_state"]), {"pixel_values": x})


@case("siglip_labels")
def _(name):
    x = images(2, 32, 32)
    keep(name, SiglipForImageClassification(siglip_config(num_labels=4)), torch.float32, seen(x, ["logits"]),
         {"pixel_values": x})


def llava(name, text, vision, dtype, **more):
    c = LlavaConfig(text_config=text, vision_config=vision, image_token_index=90, **more)
    model = LlavaForConditionalGeneration(c)
    rows = 16 + (1 if vision["model_type"] == "clip_vision_model" else 0)
    rows -= 0 if c.vision_feature_select_strategy == "full" else 1
    x = images(2, 32, 32)
    ids = torch.tensor([[1, 7, 9] + [90] * rows + [11, 12] + [90] * rows + [13]])

    def call(m):
        greedy = m.generate(input_ids=ids, pixel_values=x, attention_mask=torch.ones_like(ids), max_new_tokens=16,
                            min_new_tokens=16, do_sample=False)
        return {"logits": m(input_ids=ids, pixel_values=x).logits, "greedy": greedy}

    model.generation_config.eos_token_id = None
    keep(name, model, dtype, call, {"pixel_values": x, "input_ids": ids})


@case("llava_layers")
def _(name):
    vision = CLIPVisionConfig(**SMALL | dict(num_hidden_layers=3)).to_dict()
    llava(name, LM | dict(model_type="mistral", sliding_window=12), vision, torch.bfloat16,
          vision_feature_layer=[-1, 1, 0], vision_feature_select_strategy="full", multimodal_projector_bias=False,
          projector_hidden_act="silu")
    seen_by_llava(name, 17)


@case("llava_siglip")
def _(name):
    llava(name, LM | dict(model_type="qwen2", tie_word_embeddings=False), SiglipVisionConfig(**SMALL).to_dict(),
          torch.bfloat16, vision_feature_layer=-1, vision_feature_select_strategy="full")


for name in sys.argv[1:] or CASES:
    torch.manual_seed(sum(map(ord, name)))
    CASES[name](name)
