// Tensor: a cheap value. Shared storage, data type, shape, strides and an offset; views never copy.
#pragma once
#include <array>
#include <cassert>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>

#include "tensor/format.h"
#include "tensor/view.h"

namespace ridge {

// Up to kMaxRank extents, outermost first.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }  // -1 is the last
  int64_t& operator[](int i) { return dims_[i < 0 ? i + rank_ : i]; }
  int64_t count() const;  // product; 1 for rank 0
  void push(int64_t extent);
  friend bool operator==(const Shape& a, const Shape& b);
  std::string text() const;  // "[2, 3]"

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// Memory of a device. `data` is null on the null device, where only `bytes` count.
class Storage {
 public:
  // `owner` keeps the memory alive; the last handle on it frees it.
  Storage(void* data, int64_t bytes, std::shared_ptr<void> owner, bool writable = true)
      : data_(static_cast<std::byte*>(data)), bytes_(bytes), owner_(std::move(owner)), writable_(writable) {}
  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  bool writable() const { return writable_; }

 private:
  std::byte* data_;
  int64_t bytes_;
  std::shared_ptr<void> owner_;
  bool writable_;
};

class Tensor {
 public:
  Tensor() = default;
  // Contiguous, at byte `offset` of `storage`. Asserts that it fits.
  Tensor(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape, int64_t offset = 0);

  explicit operator bool() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t count() const { return shape_.count(); }
  int64_t bytes() const { return dtype_.bytes_of(count()); }                // of the elements, without gaps
  int64_t stride(int i) const { return strides_[i < 0 ? i + rank() : i]; }  // in elements
  bool contiguous() const;
  // True where the memory exists: false on the null device.
  bool has_data() const { return storage_ && storage_->data(); }

  void* data() const { return storage_->data() ? storage_->data() + offset_ : nullptr; }
  template <typename T>
  T* ptr() const {
    assert(sizeof(T) == static_cast<size_t>(dtype_->bytes) || dtype_.is_block());
    return static_cast<T*>(data());
  }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  int64_t offset() const { return offset_; }
  View view() const;

  // Views. reshape needs a contiguous tensor; slice of a block format's last dimension needs whole blocks.
  Tensor reshape(const Shape& shape) const;
  Tensor slice(int dim, int64_t begin, int64_t end) const;
  Tensor transpose(int a, int b) const;
  Tensor select(int dim, int64_t index) const;  // slice of one, without that dimension
  // The same storage seen with other strides (in elements) from element `offset` of this tensor.
  Tensor strided(const Shape& shape, std::initializer_list<int64_t> strides, int64_t offset) const;

  std::string text() const;  // "f32 [2, 3]"

  // Which value this is, for the tape: 0 where no gradient is asked. Views made by the functions above keep
  // none.
  int64_t value_id() const { return value_id_; }
  Tensor with_value_id(int64_t id) const {
    Tensor t = *this;
    t.value_id_ = id;
    return t;
  }

 private:
  std::shared_ptr<Storage> storage_;
  DType dtype_;
  Shape shape_;
  std::array<int64_t, kMaxRank> strides_{};
  int64_t offset_ = 0;  // bytes
  int64_t value_id_ = 0;
};

// The data types that the engine itself computes with; all others live in src/formats.
extern const Format f32, i32, i64, i8, u8;

}  // namespace ridge
