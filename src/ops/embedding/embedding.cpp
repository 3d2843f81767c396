#include "ops/embedding/embedding.h"

#include "ops/common.h"
#include "ops/embedding/args.h"

namespace ridge {
namespace tables {
extern const Op op_embedding;
extern const Op op_embedding_grad;
const Op op_embedding{"embedding", "y[t] = table[ids[t]]"};
const Op op_embedding_grad{"embedding_grad", "dtable[ids[t]] += dy[t]"};
}  // namespace tables

Tensor embedding(Context& cx, const Tensor& table, const Tensor& ids) {
  if (!table || table.rank() != 2 || table.dtype()->kind == FormatKind::integer)
    fail(Fault::usage, "embedding: table {} is not [vocab, n] of a real or block format", table.text());
  if (table.stride(1) != 1 || table.stride(0) % table.dtype()->block != 0)
    fail(Fault::usage, "embedding: table {} is strided; copy it first", table.text());
  if (!ids || ids.rank() != 1) fail(Fault::usage, "embedding: ids {} are not i32 [tokens]", ids.text());
  const int64_t tokens = ids.dim(0), vocab = table.dim(0), n = table.dim(1);
  expect_indices("embedding", "ids", ids, tokens, 0, vocab);
  const Tensor y = cx.make(f32, {tokens, n});
  EmbeddingArgs args{table.view(), ids.view(), y.view()};
  const int64_t rows = table.dtype().bytes_of(tokens * n);
  cx.launch(tables::op_embedding, &args, {0, rows + ids.bytes(), y.bytes(), rows, 0, Rate::none},
            {&y, &table, &ids});
  return cx.taped(tables::op_embedding, {&table}, y,
                  [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
                    expect_dtype("embedding (gradient)", "table", table, f32);
                    const Tensor dtable = c.make(f32, table.shape());
                    EmbeddingGradArgs g{ids.view(), rows_view("embedding_grad", "dy", dy), dtable.view()};
                    c.launch(tables::op_embedding_grad, &g,
                             {dy.count(), dy.bytes() + ids.bytes(), dtable.bytes()}, {&dtable, &dy, &ids});
                    return {dtable};
                  });
}

}  // namespace ridge
