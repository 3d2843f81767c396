// Rows from one format to another, in parallel, through a writer.
#include <atomic>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/thread_pool.h"
#include "models/export/weights.h"

namespace ridge::exporting {
namespace {

constexpr int64_t kBufferBytes = int64_t{8} << 20;  // of f32, before encoding

struct RowTask {
  const Tensor* from = nullptr;
  DType to;
  int64_t first = 0, rows = 0, columns = 0;
  char* out = nullptr;
  std::atomic<int64_t> next{0};
  std::atomic<bool> bad{false};

  // Rows are taken a few at a time by whichever thread is free; a row's bytes depend on the row alone.
  static void run(void* self, int) {
    auto& t = *static_cast<RowTask*>(self);
    std::vector<float> row(static_cast<size_t>(t.columns));
    const int64_t from_bytes = t.from->dtype().bytes_of(t.columns), to_bytes = t.to.bytes_of(t.columns);
    for (int64_t r; (r = t.next.fetch_add(1)) < t.rows;) {
      t.from->dtype()->decode(static_cast<const char*>(t.from->data()) + (t.first + r) * from_bytes,
                              row.data(), t.columns);
      if (t.to.is_block())
        for (const float x : row)
          if (!std::isfinite(x)) t.bad = true;
      if (!t.bad) t.to->encode(row.data(), t.out + r * to_bytes, t.columns, nullptr);
    }
  }
};

// Bytes of `item` that go out, with progress and without a copy where the type stays.
class Pump {
 public:
  Pump(TensorWriter& writer, const ExportOptions& options, uint64_t total)
      : writer_(writer), options_(options), pool_(options.threads), total_(total) {}

  void put(const Item& item, const Tensor& t) {
    if (t.dtype() == item.target) {
      const auto* bytes = static_cast<const char*>(t.data());
      for (int64_t at = 0; at < t.bytes(); at += kBufferBytes)
        send(bytes + at, static_cast<uint64_t>(std::min(kBufferBytes, t.bytes() - at)));
      return;
    }
    if (!item.target->encode)
      fail(Fault::usage, "tensor {}: {} can be read, not written", item.name, item.target.name());
    const int64_t columns = t.dim(-1), rows = columns ? t.count() / columns : 0;
    const int64_t batch = std::max<int64_t>(1, kBufferBytes / (4 * std::max<int64_t>(columns, 1)));
    buffer_.resize(static_cast<size_t>(item.target.bytes_of(columns) * std::min(batch, rows)));
    for (int64_t r = 0; r < rows; r += batch) {
      RowTask task;
      task.from = &t, task.to = item.target, task.first = r, task.rows = std::min(batch, rows - r);
      task.columns = columns, task.out = buffer_.data();
      pool_.run(RowTask::run, &task);
      if (task.bad)
        fail(Fault::file, "tensor {} holds values that are not finite and cannot be quantized", item.name);
      send(buffer_.data(), static_cast<uint64_t>(item.target.bytes_of(columns) * task.rows));
    }
  }

 private:
  void send(const char* data, uint64_t bytes) {
    writer_.write(data, bytes);
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }

  TensorWriter& writer_;
  const ExportOptions& options_;
  ThreadPool pool_;
  std::vector<char> buffer_;
  uint64_t done_ = 0, total_;
};

}  // namespace

void write_items(TensorWriter& writer, const std::vector<Item>& items, const ExportOptions& options,
                 ExportReport& report) {
  std::unordered_map<std::string, const Item*> by_name;
  for (const Item& item : items) {
    if (item.shape.rank() > 0 && item.shape[-1] % item.target->block != 0)
      fail(Fault::usage, "tensor {} {}: rows are no whole number of blocks of {}", item.name,
           item.shape.text(), item.target.name());
    writer.declare(item.name, item.target, item.shape);
    by_name[item.name] = &item;
  }
  for (const auto& d : writer.order()) report.bytes += d.bytes;
  report.tensors = items.size();
  Pump pump(writer, options, report.bytes);
  for (const auto& d : writer.order()) {
    const Item& item = *by_name.at(d.name);
    for (const auto& part : item.parts) {
      const Tensor t = part();
      if (t.count() * static_cast<int64_t>(item.parts.size()) != item.shape.count())
        fail(Fault::file, "tensor {}: a part is {} of {} in {} parts", item.name, t.text(), item.shape.text(),
             item.parts.size());
      pump.put(item, t.contiguous() ? t : to_f32(t));
    }
  }
  report.files = writer.finish();
}

}  // namespace ridge::exporting
