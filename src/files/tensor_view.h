// Tensors as views of a file's bytes.
#pragma once
#include <memory>

#include "files/bytes.h"
#include "tensor/tensor.h"

namespace ridge {

// The whole file as read-only storage, which keeps the mapping alive.
std::shared_ptr<Storage> storage_of(const FileBytes& bytes);

// The tensor at byte `offset`; a copy in memory of its own where the file misaligns its elements. The caller
// has checked that it lies inside.
Tensor view_of(const std::shared_ptr<Storage>& storage, DType dtype, const Shape& shape, uint64_t offset);

// Elements of a shape; false where they, or a stride, do not fit in an int64.
bool count_fits(const Shape& shape, uint64_t* count);

}  // namespace ridge
