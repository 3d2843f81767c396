#include "context/context.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

#include "base/cpu.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace ridge {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void run_on_pool(const Exec* exec, void (*task)(void*, int), void* self) {
  static_cast<ThreadPool*>(exec->pool)->run(task, self);
}

}  // namespace

// Blocks freed by one op are taken again by the next: sizes are rounded so that the few sizes of a step find
// each other. On the null device only the bytes are counted, by the same rule, so that priced and measured
// peaks agree.
struct Context::Arena {
  Arena(Device& d, bool fill, bool watch) : device(d), poison(fill), guard(watch && d.computes()) {}
  Device& device;
  bool poison, guard;
  std::mutex mutex;
  std::multimap<int64_t, std::shared_ptr<Storage>> free;
  int64_t used = 0, peak = 0;

  // A guarded block lies between kGuard bytes before it and all that follows the bytes asked for, to kGuard
  // beyond its rounded size: words that are NaN in f32.
  static constexpr int64_t kGuard = 64;
  static constexpr uint32_t kGuardWord = 0xffc5a5a5u;
  struct Guarded {
    int64_t bytes, size;
  };
  std::map<std::byte*, Guarded> guards;  // by the activation's first byte
  std::string damage;

  static std::byte guard_byte(int64_t at) { return static_cast<std::byte>(kGuardWord >> (at & 3) * 8); }
  void set_guard(std::byte* data, int64_t bytes, int64_t size) {
    for (int64_t i = -kGuard; i < 0; ++i) data[i] = guard_byte(i);
    for (int64_t i = bytes; i < size + kGuard; ++i) data[i] = guard_byte(i);
    guards[data] = {bytes, size};
  }
  void check_guard(const std::byte* data, const Guarded& g) {
    const auto intact = [&](int64_t i) {
      if (data[i] == guard_byte(i)) return true;
      if (damage.empty())
        damage = fmt::format("byte {} of an activation of {} bytes was written", i, g.bytes);
      return false;
    };
    for (int64_t i = -1; i >= -kGuard; --i)
      if (!intact(i)) return;
    for (int64_t i = g.bytes; i < g.size + kGuard; ++i)
      if (!intact(i)) return;
  }

  static int64_t rounded(int64_t bytes) {
    if (bytes <= 4096) return (std::max<int64_t>(bytes, 1) + 63) / 64 * 64;
    int64_t step = 4096;
    while (step * 8 < bytes) step *= 2;  // at most an eighth is lost
    return (bytes + step - 1) / step * step;
  }

  static std::shared_ptr<Storage> take(const std::shared_ptr<Arena>& self, int64_t bytes) {
    const int64_t size = rounded(bytes);
    std::shared_ptr<Storage> block;
    {
      const std::lock_guard lock(self->mutex);
      self->used += size;
      self->peak = std::max(self->peak, self->used);
      const auto it = self->free.find(size);
      if (it != self->free.end()) {
        block = std::move(it->second);
        self->free.erase(it);
      }
    }
    if (!block) block = self->device.allocate(self->guard ? size + 2 * kGuard : size);
    std::byte* const data = self->guard ? block->data() + kGuard : block->data();
    if (self->poison && data) std::memset(data, 0xff, static_cast<size_t>(size));
    if (self->guard) {
      const std::lock_guard lock(self->mutex);
      self->set_guard(data, bytes, size);
    }
    // The handle that tensors share: when it goes, the block returns.
    auto back = std::shared_ptr<void>(data, [self, block, size, data](void*) {
      const std::lock_guard lock(self->mutex);
      if (const auto it = self->guards.find(data); it != self->guards.end()) {
        self->check_guard(data, it->second);
        self->guards.erase(it);
      }
      self->used -= size;
      if (self->free.size() < 256) self->free.emplace(size, block);
    });
    return std::make_shared<Storage>(data, size, std::move(back));
  }
};

Context::Context(Device& device, const ContextOptions& options) : device_(device) {
  choice_.named = options.kernels;
  choice_.exact = options.exact;
  choice_.features = options.price_as_given ? options.features : cpu_info().features & options.features;
  const int threads = options.threads > 0 ? options.threads : cpu_info().cores;
  if (threads > 1024) fail(Fault::usage, "{} threads: at most 1024", threads);
  pool_ = std::make_unique<ThreadPool>(device.computes() ? threads : 1);
  arena_ = std::make_shared<Arena>(device, options.poison, options.guard);
}

Context::~Context() = default;

int Context::threads() const { return pool_->threads(); }

Tensor Context::make(DType dtype, const Shape& shape) {
  return Tensor(Arena::take(arena_, dtype.bytes_of(shape.count())), dtype, shape);
}

Tensor Context::from_host(const int32_t* values, int64_t n) {
  Tensor t = make(i32, {n});
  if (t.has_data() && n > 0) std::memcpy(t.data(), values, static_cast<size_t>(n) * 4);
  return t;
}

Tensor Context::from_host(const float* values, const Shape& shape) {
  Tensor t = make(f32, shape);
  if (t.has_data() && t.count() > 0) std::memcpy(t.data(), values, static_cast<size_t>(t.count()) * 4);
  return t;
}

void* Context::workspace(int64_t bytes) {
  if (bytes == 0) return nullptr;
  if (arena_->guard) {  // fresh and no larger than asked for
    workspace_ = {};
    workspace_ = make(u8, {bytes});
    return workspace_.data();
  }
  if (!workspace_ || workspace_.bytes() < bytes) {
    workspace_ = {};
    workspace_ = device_.make(u8, {bytes});
  }
  return workspace_.data();
}

void Context::launch(const Op& op, const void* args, const Cost& cost,
                     std::initializer_list<const Tensor*> operands) {
  const Kernel& kernel = select_kernel(op, args, device_.kind(), choice_);
  double begin = 0, seconds = 0;
  if (device_.computes()) {
    Exec exec{threads(), nullptr, run_on_pool, pool_.get(), counter_ + 8};
    exec.workspace = workspace(kernel.workspace ? kernel.workspace(args, exec.threads) : 0);
    if (trace) begin = now();
    kernel.run(args, exec);
    if (trace) seconds = now() - begin;
  }
  if (!trace) return;
  if (trace->events.empty()) trace_begin_ = begin;
  TraceEvent e;
  e.op = &op;
  e.kernel = &kernel;
  e.scope = scope_;
  e.cost = cost;
  if (kernel.refine) kernel.refine(args, e.cost);
  e.begin = begin - trace_begin_;
  e.seconds = seconds;
  e.key = op.name;
  bool first = true;
  for (const Tensor* t : operands) {
    if (!*t) continue;
    if (first) {  // the output: its shape follows from the inputs'
      first = false;
      e.rows = t->rank() > 0 ? t->dim(0) : 1;
      continue;
    }
    e.shapes += (e.shapes.empty() ? "" : " x ") + t->text();
    if (!(t->dtype() == DType(f32)) && t->dtype()->kind != FormatKind::integer)
      e.key += std::string(".") + t->dtype().name();
    // Products name their weight last of what is no index.
    if (t->dtype()->kind != FormatKind::integer)
      e.weight_elements = e.cost.weights / t->dtype()->bytes * t->dtype()->block;
  }
  trace->events.push_back(std::move(e));
}

Tensor Context::taped(const Op& op, std::initializer_list<const Tensor*> inputs, const Tensor& output,
                      Tape::Backward backward) {
  if (!tape) return output;
  bool any = false;
  std::vector<Tensor> list;
  for (const Tensor* t : inputs) {
    any = any || Tape::watched(*t);
    list.push_back(*t);
  }
  return any ? tape->record(op.name, std::move(list), output, std::move(backward)) : output;
}

Context::Scope::Scope(Context& cx, const char* name, int index) : cx_(cx), length_(cx.scope_.size()) {
  if (!cx_.trace) return;
  if (length_ > 0) cx_.scope_ += '.';
  cx_.scope_ += name;
  if (index >= 0) cx_.scope_ += '.' + std::to_string(index);
}
Context::Scope::~Scope() { cx_.scope_.resize(std::min(length_, cx_.scope_.size())); }

int64_t Context::arena_bytes() const { return arena_->used; }
int64_t Context::arena_peak() const { return arena_->peak; }
void Context::reset_arena_peak() { arena_->peak = arena_->used; }

bool Context::guarded() const { return arena_->guard; }
std::string Context::guard_damage() const {
  const std::lock_guard lock(arena_->mutex);
  for (const auto& [data, g] : arena_->guards) arena_->check_guard(data, g);
  return arena_->damage;
}

}  // namespace ridge
