#!/usr/bin/env python3
# Makes text encoders with options that differ from what is usual, and two tiny trained ones (bert_words,
# bert_labels) with vocabularies, for the commands. Outputs as transformers computes them in float32.
#   pip install torch transformers safetensors tokenizers;  ./make_encoders.py [NAME...]
import json
import math
import os
import random
import shutil
import sys

import torch
import transformers as T
from safetensors.torch import save_file
from transformers.models.longformer import modeling_longformer

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
             max_position_embeddings=80, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
             initializer_range=0.2)


def randomize(model):
    """Norms and biases too, so that none of them can be forgotten."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_(torch.randn_like(p) * 0.2 + (1.0 if name.endswith("weight") else 0.0))
    return model.eval()


def texts(vocab, length, lengths, pad, seed=1):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, vocab, (len(lengths), length), generator=g)
    mask = torch.zeros_like(ids)
    for i, n in enumerate(lengths):
        mask[i, :n] = 1
        ids[i, n:] = pad
    return {"input_ids": ids, "attention_mask": mask}


OUTPUTS = ["last_hidden_state", "pooler_output", "logits", "start_logits", "end_logits", "prediction_logits",
           "seq_relationship_logits"]


def save(name, model, inputs, folder=HERE):
    out = os.path.join(folder, name)
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out)
    for extra in ("generation_config.json",):
        if os.path.exists(os.path.join(out, extra)):
            os.remove(os.path.join(out, extra))
    with torch.no_grad():
        y = model(**inputs)
    tensors = {k: v.contiguous() for k, v in inputs.items()}
    tensors.update({k: y[k].float().contiguous() for k in OUTPUTS if k in y and y[k] is not None})
    save_file(tensors, os.path.join(out, "expected.safetensors"))
    print(f"{name}: {sorted(set(tensors) - set(inputs))}")
    return out


MAKERS = {}


def maker(f):
    MAKERS[f.__name__] = f
    return f


def bert(cls, **more):
    torch.manual_seed(7)
    return randomize(cls(T.BertConfig(**{**SMALL, "pad_token_id": 0, **more})))


@maker
def bert_token_labels():
    m = bert(T.BertForTokenClassification, num_labels=5, type_vocab_size=3, hidden_act="relu", layer_norm_eps=1e-3)
    x = texts(99, 21, [21, 9], 0)
    x["token_type_ids"] = (torch.arange(21) % 3).repeat(2, 1)
    save("bert_token_labels", m, x)


@maker
def bert_untied():
    save("bert_untied", bert(T.BertForMaskedLM, tie_word_embeddings=False, hidden_act="gelu_new"),
         texts(99, 17, [17, 5], 0))


@maker
def bert_pretraining():
    save("bert_pretraining", bert(T.BertForPreTraining), texts(99, 17, [17, 5], 0))


@maker
def bert_answers():
    save("bert_answers", bert(T.BertForQuestionAnswering), texts(99, 17, [17, 5], 0))


@maker
def bert_next():
    x = texts(99, 17, [17, 11], 0)
    x["token_type_ids"] = (torch.arange(17) > 6).long().repeat(2, 1)
    save("bert_next", bert(T.BertForNextSentencePrediction), x)


def roberta(cls, config=T.RobertaConfig, **more):
    torch.manual_seed(8)
    return randomize(cls(config(**{**SMALL, "pad_token_id": 3, "type_vocab_size": 1, **more})))


@maker
def roberta_labels():
    x = texts(99, 23, [23, 12], 3)
    x["input_ids"][0, 4] = 3  # the padding token in the middle of a text: it has no position
    m = roberta(T.RobertaForSequenceClassification, num_labels=4)
    with torch.no_grad():
        m.roberta.embeddings.position_embeddings.weight[:4] = 0
    save("roberta_labels", m, x)


@maker
def roberta_body():
    save("roberta_body", roberta(T.RobertaModel, pad_token_id=1), texts(99, 23, [23, 12], 1))


@maker
def xlm_roberta():
    save("xlm_roberta", roberta(T.XLMRobertaForMaskedLM, T.XLMRobertaConfig, pad_token_id=1),
         texts(99, 23, [23, 12], 1))


def distilbert(cls, **more):
    torch.manual_seed(9)
    return randomize(cls(T.DistilBertConfig(**{
        "vocab_size": 99, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 40,
        "initializer_range": 0.2, **more})))


@maker
def distilbert_labels():
    save("distilbert_labels", distilbert(T.DistilBertForSequenceClassification, num_labels=3, activation="relu",
                                         sinusoidal_pos_embds=True), texts(99, 19, [19, 7], 0))


@maker
def distilbert_answers():
    save("distilbert_answers", distilbert(T.DistilBertForQuestionAnswering), texts(99, 19, [19, 7], 0))


def modernbert(cls, **more):
    torch.manual_seed(10)
    return randomize(cls(T.ModernBertConfig(**{
        "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
        "intermediate_size": 40, "max_position_embeddings": 80, "initializer_range": 0.2,
        "initializer_cutoff_factor": 2.0, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "cls_token_id": 1, "sep_token_id": 2, **more})))


@maker
def modernbert_biases():
    save("modernbert_biases", modernbert(
        T.ModernBertForSequenceClassification, num_labels=3, norm_bias=True, attention_bias=True, mlp_bias=True,
        classifier_bias=True, classifier_pooling="mean", classifier_activation="silu", hidden_activation="silu",
        local_attention=6, norm_eps=1e-3), texts(99, 29, [29, 14], 0))


@maker
def modernbert_layers():
    save("modernbert_layers", modernbert(
        T.ModernBertForMaskedLM, decoder_bias=False, local_attention=10, tie_word_embeddings=False,
        layer_types=["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 4.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}),
        texts(99, 29, [29, 14], 0))


@maker
def modernbert_token_labels():
    save("modernbert_token_labels", modernbert(T.ModernBertForTokenClassification, num_labels=4,
                                               global_attn_every_n_layers=2, local_attention=4),
         texts(99, 29, [29, 14], 0))


def longformer(cls, **more):
    torch.manual_seed(11)
    return randomize(cls(T.LongformerConfig(**{**SMALL, "pad_token_id": 1, "sep_token_id": 2,
                                               "attention_window": [4, 10], "max_position_embeddings": 90, **more})))


def longformer_texts(lengths=(71, 33)):
    x = texts(99, 71, list(lengths), 1)
    x["global_attention_mask"] = torch.zeros_like(x["input_ids"])
    for row, token in ((0, 0), (0, 1), (0, 40), (0, 70), (1, 7)):
        x["global_attention_mask"][row, token] = 1
    return x


@maker
def longformer_windows():
    save("longformer_windows", longformer(T.LongformerModel), longformer_texts())


@maker
def longformer_labels():  # the rule of the task: the first token is global
    save("longformer_labels", longformer(T.LongformerForSequenceClassification, num_labels=3, attention_window=6),
         texts(99, 71, [71, 50], 1))


@maker
def longformer_answers():  # the rule of the task: all tokens of the question are
    x = texts(99, 60, [60, 60], 1)
    for row, places in enumerate(((9, 40, 59), (4, 30, 59))):
        for p in places:
            x["input_ids"][row, p] = 2
    save("longformer_answers", longformer(T.LongformerForQuestionAnswering), x)


def dense_longformer(dilations, backward):
    """The definition as one masked product a layer, which the published code computes without dilation."""
    def forward(self, hidden_states, attention_mask=None, is_index_masked=None, is_index_global_attn=None, **_):
        b, n, _ = hidden_states.shape
        split = lambda x: x.view(b, n, self.num_heads, self.head_dim).transpose(1, 2)
        i = torch.arange(n)
        apart, d = i[None] - i[:, None], dilations[self.layer_id]
        w = self.one_sided_attn_window_size
        near = (apart % d == 0) & (apart >= -w * d) & (apart <= (0 if backward else w * d))
        seen = (near[None] | is_index_global_attn[:, None]) & ~is_index_masked[:, None]
        def look(q, k, v, seen):
            s = split(q(hidden_states)) @ split(k(hidden_states)).transpose(-1, -2) / math.sqrt(self.head_dim)
            s = s.masked_fill(~seen[:, None], -float("inf"))
            return torch.nan_to_num(s.softmax(-1)) @ split(v(hidden_states))
        local = look(self.query, self.key, self.value, seen)
        all_ = look(self.query_global, self.key_global, self.value_global,
                    (~is_index_masked)[:, None].expand(b, n, n))
        y = torch.where(is_index_global_attn[:, None, :, None], all_, local)
        return (y.transpose(1, 2).reshape(b, n, -1),)
    return forward


@maker
def longformer_dilated():
    m, x = longformer(T.LongformerModel), longformer_texts()
    mask = x["attention_mask"].bool()
    with torch.no_grad():
        published = m(**x).last_hidden_state
    kept = modeling_longformer.LongformerSelfAttention.forward
    for name, dilations, backward in (("", [1, 1], False), ("longformer_dilated", [3, 2], False),
                                      ("longformer_backward", [1, 2], True)):
        modeling_longformer.LongformerSelfAttention.forward = dense_longformer(dilations, backward)
        if not name:
            with torch.no_grad():
                assert torch.allclose(m(**x).last_hidden_state[mask], published[mask], atol=1e-4)
            continue
        m.config.attention_dilation, m.config.autoregressive = dilations, backward
        save(name, m, x)
    modeling_longformer.LongformerSelfAttention.forward = kept


def bigbird(cls, **more):
    torch.manual_seed(12)
    return randomize(cls(T.BigBirdConfig(**{**SMALL, "pad_token_id": 0, "block_size": 4, "num_random_blocks": 1,
                                            "attention_type": "block_sparse", **more})))


@maker
def bigbird_blocks():
    save("bigbird_blocks", bigbird(T.BigBirdModel), texts(99, 61, [61, 37, 3], 0))


@maker
def bigbird_drawn():
    save("bigbird_drawn", bigbird(T.BigBirdForSequenceClassification, num_random_blocks=3, block_size=3, num_labels=3,
                                  use_bias=False, rescale_embeddings=True), texts(99, 60, [60, 48], 0))


@maker
def bigbird_short():
    save("bigbird_short", bigbird(T.BigBirdForMaskedLM), texts(99, 28, [28, 20], 0))


def fnet(cls, **more):
    torch.manual_seed(13)
    m = {**SMALL, "type_vocab_size": 4, "pad_token_id": 3, **more}
    return randomize(cls(T.FNetConfig(**m)))


@maker
def fnet_odd():
    x = texts(99, 31, [31, 20], 3)
    del x["attention_mask"]
    save("fnet_odd", fnet(T.FNetModel, hidden_size=30), x)


@maker
def fnet_labels():
    x = texts(99, 45, [45, 45], 3)
    del x["attention_mask"]
    x["token_type_ids"] = (torch.arange(45) % 4).repeat(2, 1)
    save("fnet_labels", fnet(T.FNetForSequenceClassification, num_labels=3, hidden_act="relu"), x)


# ---- trained ones

ANIMALS = "cat dog bird horse fish mouse".split()
PLACES = {"cat": "mat", "dog": "rug", "bird": "tree", "horse": "field", "fish": "pond", "mouse": "hole"}
GOOD, BAD, SO = "lovely wonderful great".split(), "awful terrible boring".split(), "plain usual".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = SPECIAL + sorted(set(ANIMALS) | set(PLACES.values()) | set(GOOD + BAD + SO) | set(
    "the a sat on in and was not film book song it . , ! ? very ##s".split()))


def word_folder(out):
    with open(os.path.join(out, "vocab.txt"), "w") as f:
        f.write("\n".join(WORDS) + "\n")
    with open(os.path.join(out, "tokenizer_config.json"), "w") as f:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}, f, indent=1)


def ids_of(text):
    return [2] + [WORDS.index(w) for w in text.split()] + [3]


def padded(rows):
    n = max(map(len, rows))
    ids = torch.tensor([r + [0] * (n - len(r)) for r in rows])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


TRAINED = dict(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
               max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def sentence(rng):
    a = rng.choice(ANIMALS)
    return f"the {a} sat {'in' if PLACES[a] in ('field', 'pond', 'hole', 'tree') else 'on'} the {PLACES[a]} ."


@maker
def bert_words():
    torch.manual_seed(1)
    rng = random.Random(1)
    m = T.BertForMaskedLM(T.BertConfig(**TRAINED))
    opt = torch.optim.AdamW(m.parameters(), 3e-3)
    for _ in range(300):
        rows = [ids_of(sentence(rng)) for _ in range(32)]
        x = padded(rows)
        labels = torch.full_like(x["input_ids"], -100)
        for i, r in enumerate(rows):
            j = rng.randrange(1, len(r) - 1)
            labels[i, j] = x["input_ids"][i, j]
            x["input_ids"][i, j] = 4
        loss = m(**x, labels=labels).loss
        opt.zero_grad(), loss.backward(), opt.step()
    print("loss", loss.item())
    out = save("bert_words", m.eval(), padded([ids_of("the cat sat on the [MASK] ."), ids_of("the [MASK] sat")]))
    word_folder(out)


@maker
def bert_labels():
    torch.manual_seed(2)
    rng = random.Random(2)
    labels = ["bad", "neutral", "good"]
    m = T.BertForSequenceClassification(T.BertConfig(
        **TRAINED, id2label=dict(enumerate(labels)), label2id={k: i for i, k in enumerate(labels)}))
    opt = torch.optim.AdamW(m.parameters(), 3e-3)
    for _ in range(200):
        rows, want = [], []
        for _ in range(32):
            y = rng.randrange(3)
            rows.append(ids_of(f"the {rng.choice(['film', 'book', 'song'])} was "
                               f"{rng.choice(['', 'very '])}{rng.choice([BAD, SO, GOOD][y])} {rng.choice('.!')}"))
            want.append(y)
        loss = m(**padded(rows), labels=torch.tensor(want)).loss
        opt.zero_grad(), loss.backward(), opt.step()
    print("loss", loss.item())
    out = save("bert_labels", m.eval(), padded([ids_of("the film was lovely !"), ids_of("the book was very boring .")]))
    word_folder(out)


if __name__ == "__main__":
    for name in sys.argv[1:] or MAKERS:
        MAKERS[name]()
