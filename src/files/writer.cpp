#include "files/writer.h"

#include <algorithm>

#include "base/error.h"

namespace ridge {

void TensorWriter::declare(const std::string& name, DType dtype, const Shape& shape) {
  assert(!started_ && dtype);
  if (name.empty() || name.find('\0') != std::string::npos)
    fail(Fault::usage, "a tensor cannot be named \"{}\"", printable(name));
  if (dtype->block > 1 && (shape.rank() == 0 || shape[-1] % dtype->block != 0))
    fail(Fault::usage, "tensor {} {}: rows are no whole blocks of {} ({})", printable(name), shape.text(),
         dtype->block, dtype.name());
  if (!names_.insert(name).second) fail(Fault::usage, "two tensors are named {}", printable(name));
  Declared tensor{name, dtype, shape, static_cast<uint64_t>(dtype.bytes_of(shape.count()))};
  check(tensor);
  tensors_.push_back(std::move(tensor));
}

const std::vector<TensorWriter::Declared>& TensorWriter::order() {
  if (!started_) {
    started_ = true;
    start(tensors_);
    enter(0);
  }
  return tensors_;
}

// Begins tensor `index`, and steps over tensors without elements.
void TensorWriter::enter(size_t index) {
  for (current_ = index; current_ < tensors_.size(); ++current_) {
    begin(current_);
    left_ = tensors_[current_].bytes;
    if (left_ > 0) return;
  }
}

void TensorWriter::write(const void* data, uint64_t bytes) {
  constexpr uint64_t kPiece = uint64_t{1} << 20;
  order();
  if (bytes == 0) return;
  if (current_ == tensors_.size() || bytes > left_)
    fail(Fault::usage, "{} bytes more than tensor {} has", bytes - left_,
         current_ < tensors_.size() ? printable(tensors_[current_].name) : "(none)");
  const auto* p = static_cast<const char*>(data);
  for (uint64_t done = 0; done < bytes; done += kPiece)
    put(p + done, static_cast<size_t>(std::min(kPiece, bytes - done)));
  left_ -= bytes;
  if (left_ == 0) enter(current_ + 1);
}

void TensorWriter::write(const Tensor& tensor) {
  order();
  if (tensor.bytes() == 0) return;
  assert(tensor.contiguous() && current_ < tensors_.size() && tensors_[current_].dtype == tensor.dtype() &&
         tensors_[current_].shape == tensor.shape());
  write(tensor.data(), static_cast<uint64_t>(tensor.bytes()));
}

std::vector<std::string> TensorWriter::finish() {
  order();
  if (current_ < tensors_.size())
    fail(Fault::usage, "tensor {} lacks its last {} bytes", printable(tensors_[current_].name), left_);
  return commit();
}

}  // namespace ridge
