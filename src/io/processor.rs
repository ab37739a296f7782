//! What this processor can do beyond what all of its architecture can.

/// Runs work, compiled for the widest integer vectors that this processor has (AVX2 on x86-64; otherwise as everything else is compiled). The result
/// is the same. For loops over a thousand values and more: what is inlined into `work` gains, what it calls does not. Costs a load and a
/// branch.
#[inline]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
    {
        #[expect(unsafe_code, reason = "the compiler cannot know that the processor was asked")]
        // SAFETY: the processor has what the function is compiled for, as was asked just now.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(test)]
mod tests {
    use super::vectorized;

    #[test]
    fn the_result_is_the_same() {
        let values: Vec<i64> = (0..1_000).map(|at: i64| at.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)).collect();
        let sum = |values: &[i64]| values.iter().filter(|v| **v > 7).fold(0i64, |sum, v| sum.wrapping_add(*v >> 3));
        assert_eq!(vectorized(|| sum(&values)), sum(&values));
        let floats: Vec<f64> = values.iter().map(|v| *v as f64 / 3.0).collect();
        let sum = |values: &[f64]| values.iter().fold(0.0, |sum: f64, v| sum * 0.5 + v);
        assert_eq!(vectorized(|| sum(&floats)).to_bits(), sum(&floats).to_bits());
    }
}
