// The weights of a model, listed once: one visit over them serves loading, saving, counting, quantizing,
// moving, optimizing.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ridge {

// How a checkpoint's tensor differs from the one in memory. Functions of host tensors; empty: no difference.
struct Relayout {
  std::function<Tensor(const Tensor&)> from_file, to_file;
};

struct WeightSpec {
  enum class Kind {
    matrix,  // [out, in] (or [experts, out, in]): any format
    table,   // [vocab, n]: rows are looked up; any format
    vector,  // f32 in memory whatever the file has: norms, biases
  };
  Kind kind = Kind::matrix;
  std::string gguf;  // name in GGUF files; "" where they have none
  std::vector<std::string>
      hf;                 // name in Hugging Face checkpoints; several are stacked along a new first dimension
  Shape shape;            // in memory
  bool optional = false;  // absent in some checkpoints: the tensor stays empty
  // > 0: GGUF files hold these rows, head by head, in the order of interleaved RoPE (rows 0, d/2, 1, d/2 + 1,
  // ...).
  int64_t rope_heads = 0;
  Relayout hf_layout, gguf_layout;
  // > 1: the checkpoint's tensor [heads * n, k] is shared by `parts` weights of that name. from_file takes
  // its weight out of the whole; to_file gives [heads, rows, k], and the parts are joined along the rows, in
  // order.
  int part = 0, parts = 1;
  bool transposed = false;  // hf_layout swaps the last two dimensions
  // Shapes in the files that group the same elements in another way; rank 0: `shape`.
  Shape hf_shape, gguf_shape;
  // Rows that only the Hugging Face tensor has, before the others, and that no token reads (RoBERTa's
  // positions of padding): zeros where it is written from GGUF.
  int64_t unread_rows = 0;
};

class WeightVisitor {
 public:
  virtual ~WeightVisitor() = default;
  virtual void visit(Tensor& tensor, const WeightSpec& spec) = 0;

  void matrix(Tensor& t, const std::string& gguf, const std::string& hf, const Shape& shape,
              WeightSpec more = {}) {
    call(t, WeightSpec::Kind::matrix, gguf, hf, shape, std::move(more));
  }
  void table(Tensor& t, const std::string& gguf, const std::string& hf, const Shape& shape,
             WeightSpec more = {}) {
    call(t, WeightSpec::Kind::table, gguf, hf, shape, std::move(more));
  }
  void vector(Tensor& t, const std::string& gguf, const std::string& hf, const Shape& shape,
              WeightSpec more = {}) {
    call(t, WeightSpec::Kind::vector, gguf, hf, shape, std::move(more));
  }

 private:
  void call(Tensor& t, WeightSpec::Kind kind, const std::string& gguf, const std::string& hf,
            const Shape& shape, WeightSpec more) {
    more.kind = kind;
    more.gguf = gguf;
    if (more.hf.empty() && !hf.empty()) more.hf = {hf};
    more.shape = shape;
    visit(t, more);
  }
};

// "blk.3.attn_q.weight" of (3, "attn_q.weight").
std::string blk(int64_t layer, const std::string& rest);

// Rows [begin, end) of each head of a tensor [heads * rows, k] as [heads, end - begin, k], or, transposed, as
// [heads, k, end - begin]: for real formats; blocks are decoded to f32.
Relayout head_part(int64_t heads, int64_t rows, int64_t begin, int64_t end, bool transposed);

// Relayouts in use by the architectures.
Relayout transposed();  // a Conv1D of GPT-2: [in, out] in the file
Relayout plus_one();    // the file holds weight - 1 (Gemma)
// GGUF holds A = -e^x where Hugging Face and we hold x = A_log (state space models).
Relayout negative_exp();
// Query, key and value rows interleaved head by head in the file ([heads, 3, d] rows); [3, heads, d] in
// memory.
Relayout qkv_by_head(int64_t heads);

// Rows of each of `heads` heads from half-split order to interleaved order (GGUF), and back. Any format: rows
// move whole.
Tensor rope_rows_to_interleaved(const Tensor& t, int64_t heads);
Tensor rope_rows_to_half_split(const Tensor& t, int64_t heads);

}  // namespace ridge
