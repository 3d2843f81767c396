#include "files/tensor_view.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace ridge {

std::shared_ptr<Storage> storage_of(const FileBytes& bytes) {
  return std::make_shared<Storage>(const_cast<std::byte*>(bytes.data), static_cast<int64_t>(bytes.size),
                                   std::const_pointer_cast<void>(bytes.owner), false);
}

Tensor view_of(const std::shared_ptr<Storage>& storage, DType dtype, const Shape& shape, uint64_t offset) {
  const Tensor view(storage, dtype, shape, static_cast<int64_t>(offset));
  // Blocks stand at odd multiples of their size anyway; their kernels load them at 2 bytes' alignment.
  const auto alignment = static_cast<uintptr_t>(dtype.is_block() ? 2 : dtype->bytes);
  if (view.bytes() == 0 || reinterpret_cast<uintptr_t>(view.data()) % alignment == 0) return view;
  const auto bytes = static_cast<size_t>(view.bytes());
  std::shared_ptr<void> memory(::operator new (bytes, std::align_val_t{64}),
                               [](void* p) { ::operator delete (p, std::align_val_t{64}); });
  std::memcpy(memory.get(), view.data(), bytes);
  return {std::make_shared<Storage>(memory.get(), view.bytes(), memory, false), dtype, shape};
}

bool count_fits(const Shape& shape, uint64_t* count) {
  uint64_t elements = 1, strides = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    const auto extent = static_cast<uint64_t>(shape[i]);
    if (!mul_fits(strides, std::max<uint64_t>(extent, 1), &strides)) return false;
    elements *= extent;  // at most `strides`
  }
  *count = elements;
  return strides <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

}  // namespace ridge
