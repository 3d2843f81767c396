// Activations rounded to 8 bits for the block formats. A prepared row is a record for each 32 elements: 32
// signed bytes q, their scale d = max|x| / 127, and for each sub-block of the weights what its zero point or
// its minimum adds: kMagic - zero point * sum of q, where the integer sums start; or -d * sum of q, times the
// minimum. A block whose largest magnitude is below 2^-110 counts as zeros; one that holds NaN or Inf makes
// its row's outputs NaN.
#pragma once
#include "formats/int8_vectors.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

template <class W>
constexpr int kTerms = 32 / W::kSub;
template <class W>
constexpr int64_t kRecord = 36 + 4 * kTerms<W>;
constexpr int kScaleAt = 32, kTermsAt = 36;

template <class W>
int64_t activation_bytes(int64_t k) {
  return k / 32 * kRecord<W>;
}

// The sums of the 16 low and of the 16 high bytes.
RIDGE_INLINE void half_sums(__m256i q, int (&sum)[2]) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
  __m256i s = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0x4e));
  s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0xb1));
  sum[0] = _mm256_cvtsi256_si32(s);
  sum[1] = _mm_cvtsi128_si32(_mm256_extracti128_si256(s, 1));
}

template <class W>
void prepare(const float* x, void* out, int64_t k) {
  char* a = static_cast<char*>(out);
  for (; k > 0; k -= 32, x += 32, a += kRecord<W>) {
    const __m256 v0 = _mm256_loadu_ps(x), v1 = _mm256_loadu_ps(x + 8), v2 = _mm256_loadu_ps(x + 16),
                 v3 = _mm256_loadu_ps(x + 24);
    // Magnitudes compare as integers, and so NaN and Inf are the largest.
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    const auto of = [&](__m256 v) { return _mm256_and_si256(_mm256_castps_si256(v), magnitude); };
    const __m256i m8 = _mm256_max_epi32(_mm256_max_epi32(of(v0), of(v1)), _mm256_max_epi32(of(v2), of(v3)));
    __m128i m4 = _mm_max_epi32(_mm256_castsi256_si128(m8), _mm256_extracti128_si256(m8, 1));
    m4 = _mm_max_epi32(m4, _mm_shuffle_epi32(m4, 0x4e));
    m4 = _mm_max_epi32(m4, _mm_shuffle_epi32(m4, 0xb1));
    const int most_bits = _mm_cvtsi128_si32(m4);
    const float most = _mm_cvtss_f32(_mm_castsi128_ps(m4));
    float d = most / 127.0f, inverse = 127.0f / most;
    if (most_bits < (127 - 110) << 23) d = inverse = 0;
    const bool finite = most_bits < 0x7f800000;
    if (!finite) d = __builtin_nanf("");
    const __m256 scale = _mm256_set1_ps(inverse);
    const auto round = [&](__m256 v) { return _mm256_cvtps_epi32(_mm256_mul_ps(v, scale)); };
    const __m256i low = _mm256_packs_epi32(round(v0), round(v1)),
                  high = _mm256_packs_epi32(round(v2), round(v3));
    __m256i q =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (!finite) q = _mm256_setzero_si256();
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(a), q);
    __builtin_memcpy(a + kScaleAt, &d, 4);
    int sum[2];
    half_sums(q, sum);
    if (kTerms<W> == 1) sum[0] += sum[1];
    for (int t = 0; t < kTerms<W>; ++t) {
      const int zero = kMagic - kZeroPoint<W> * sum[t];
      const float min = -d * static_cast<float>(sum[t]);
      if constexpr (W::kMin)
        __builtin_memcpy(a + kTermsAt + 4 * t, &min, 4);
      else
        __builtin_memcpy(a + kTermsAt + 4 * t, &zero, 4);
    }
  }
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge
