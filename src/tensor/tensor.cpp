#include "tensor/tensor.h"

#include <strings.h>

#include <cstring>

namespace ridge {
namespace {

void decode_f32(const void* in, float* out, int64_t n) { std::memcpy(out, in, static_cast<size_t>(n) * 4); }
void encode_f32(const float* in, void* out, int64_t n, const float*) {
  std::memcpy(out, in, static_cast<size_t>(n) * 4);
}

template <typename T>
void decode_integer(const void* in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    T v;
    std::memcpy(&v, static_cast<const char*>(in) + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    out[i] = static_cast<float>(v);
  }
}

}  // namespace

const Format f32{"f32", FormatKind::real, 1, 4, 0, "F32", decode_f32, encode_f32, "IEEE 754 binary32"};
const Format i8{"i8",    FormatKind::integer,   1, 1, 24, "I8", decode_integer<int8_t>,
                nullptr, "signed 8-bit integer"};
const Format u8{"u8",    FormatKind::integer,     1, 1, -1, "U8", decode_integer<uint8_t>,
                nullptr, "unsigned 8-bit integer"};
const Format i32{"i32",   FormatKind::integer,    1, 4, 26, "I32", decode_integer<int32_t>,
                 nullptr, "signed 32-bit integer"};
const Format i64{"i64",   FormatKind::integer,    1, 8, 27, "I64", decode_integer<int64_t>,
                 nullptr, "signed 64-bit integer"};

namespace {

// The scalar types stand here, all others in the generated table.
template <typename Match>
DType find(Match match) {
  for (const Format* f : {&f32, &i8, &u8, &i32, &i64})
    if (match(*f)) return *f;
  for (const Format* f : format_table())
    if (match(*f)) return *f;
  return {};
}

}  // namespace

DType find_dtype(const char* name) {
  return find([&](const Format& f) { return ::strcasecmp(f.name, name) == 0; });
}
DType dtype_of_gguf(int64_t type) {
  return find([&](const Format& f) { return f.gguf_type >= 0 && f.gguf_type == type; });
}
DType dtype_of_safetensors(const char* name) {
  return find([&](const Format& f) { return f.safetensors && std::strcmp(f.safetensors, name) == 0; });
}

Shape::Shape(std::initializer_list<int64_t> dims) {
  for (const int64_t d : dims) push(d);
}
void Shape::push(int64_t extent) {
  assert(rank_ < kMaxRank && extent >= 0);
  dims_[rank_++] = extent;
}
int64_t Shape::count() const {
  int64_t n = 1;
  for (int i = 0; i < rank_; ++i) n *= dims_[i];
  return n;
}
bool operator==(const Shape& a, const Shape& b) {
  if (a.rank_ != b.rank_) return false;
  for (int i = 0; i < a.rank_; ++i)
    if (a.dims_[i] != b.dims_[i]) return false;
  return true;
}
std::string Shape::text() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(dims_[i]);
  return s + "]";
}

Tensor::Tensor(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape, int64_t offset)
    : storage_(std::move(storage)), dtype_(dtype), shape_(shape), offset_(offset) {
  int64_t stride = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    strides_[i] = stride;
    stride *= shape_[i];
  }
  assert(rank() == 0 || shape_[-1] % dtype_->block == 0);
  assert(offset >= 0 && offset + bytes() <= storage_->bytes());
}

bool Tensor::contiguous() const {
  int64_t stride = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != stride) return false;
    stride *= shape_[i];
  }
  return true;
}

View Tensor::view() const {
  View v{};
  if (!storage_) return v;
  v.data = data();
  v.format = &*dtype_;
  v.rank = rank();
  for (int i = 0; i < rank(); ++i) {
    v.dim[i] = shape_[i];
    v.stride[i] = strides_[i];
  }
  return v;
}

Tensor Tensor::reshape(const Shape& shape) const {
  assert(shape.count() == count() && contiguous());
  Tensor t = *this;
  t.shape_ = shape;
  t.value_id_ = 0;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    t.strides_[i] = stride;
    stride *= shape[i];
  }
  return t;
}

Tensor Tensor::slice(int dim, int64_t begin, int64_t end) const {
  if (dim < 0) dim += rank();
  assert(dim < rank() && 0 <= begin && begin <= end && end <= shape_[dim]);
  const int64_t first = begin * strides_[dim];
  assert(first % dtype_->block == 0 && (strides_[dim] != 1 || (end - begin) % dtype_->block == 0));
  Tensor t = *this;
  t.shape_[dim] = end - begin;
  t.offset_ += dtype_.bytes_of(first);
  t.value_id_ = 0;
  return t;
}

Tensor Tensor::transpose(int a, int b) const {
  if (a < 0) a += rank();
  if (b < 0) b += rank();
  Tensor t = *this;
  std::swap(t.shape_[a], t.shape_[b]);
  std::swap(t.strides_[a], t.strides_[b]);
  t.value_id_ = 0;
  return t;
}

Tensor Tensor::select(int dim, int64_t index) const {
  if (dim < 0) dim += rank();
  const Tensor s = slice(dim, index, index + 1);
  Tensor t = s;
  t.shape_ = Shape();
  for (int i = 0; i < rank(); ++i)
    if (i != dim) {
      t.strides_[t.shape_.rank()] = s.strides_[i];
      t.shape_.push(s.shape_[i]);
    }
  return t;
}

Tensor Tensor::strided(const Shape& shape, std::initializer_list<int64_t> strides, int64_t offset) const {
  assert(static_cast<int>(strides.size()) == shape.rank() && offset % dtype_->block == 0);
  Tensor t = *this;
  t.shape_ = shape;
  t.offset_ += dtype_.bytes_of(offset);
  t.value_id_ = 0;
  int i = 0;
  for (const int64_t s : strides) t.strides_[i++] = s;
  return t;
}

std::string Tensor::text() const {
  return storage_ ? std::string(dtype_.name()) + " " + shape_.text() : "no tensor";
}

}  // namespace ridge
