//! Which bucket a value falls in: base-2 exponential buckets at scale 5, over seconds.
//!
//! Bucket `i` holds the values in `(2^(i/32), 2^((i+1)/32)]` seconds: the layout of OpenTelemetry's exponential
//! histograms (opentelemetry-proto, `ExponentialHistogramDataPoint`) and of Prometheus native histograms, so a
//! sketch is exported to both without loss. Values below 2^-30 s (0.9 ns) or above 2^18 s (3 days) are kept in
//! the first or last bucket.

use crate::nanos::Nanos;

/// Buckets in one factor of two.
pub(crate) const BUCKETS_PER_OCTAVE: usize = 32;

/// Factors of two from 2^-30 s to 2^18 s.
pub(crate) const OCTAVES: usize = 48;

const MIN_EXPONENT: i32 = -30;

/// The index of the first bucket, in the numbering of the histogram formats above.
pub(crate) const MIN_INDEX: i32 = MIN_EXPONENT * 32;

/// All buckets there are.
pub(crate) const BUCKETS: usize = OCTAVES * BUCKETS_PER_OCTAVE;

/// The 52 mantissa bits of `2^(j/32)` for `j` in `0..=32`, rounded down (computed with 60 decimal digits).
const BOUNDS: [u64; 33] = [
    0x0000_0000_0000_0000,
    0x0000_59b0_d315_8574,
    0x0000_b558_6cf9_890f,
    0x0001_1301_d012_5b50,
    0x0001_72b8_3c7d_517a,
    0x0001_d487_3168_b9aa,
    0x0002_387a_6e75_6238,
    0x0002_9e9d_f51f_dee1,
    0x0003_06fe_0a31_b715,
    0x0003_71a7_373a_a9ca,
    0x0003_dea6_4c12_3422,
    0x0004_4e08_6061_892d,
    0x0004_bfda_d536_2a27,
    0x0005_342b_569d_4f81,
    0x0005_ab07_dd48_5429,
    0x0006_247e_b03a_5584,
    0x0006_a09e_667f_3bcc,
    0x0007_1f75_e8ec_5f73,
    0x0007_a114_73eb_0186,
    0x0008_2589_994c_ce12,
    0x0008_ace5_422a_a0db,
    0x0009_3737_b0cd_c5e4,
    0x0009_c491_82a3_f090,
    0x000a_5503_b23e_255c,
    0x000a_e89f_995a_d3ad,
    0x000b_7f76_f2fb_5e46,
    0x000c_199b_dd85_529c,
    0x000c_b720_dcef_9069,
    0x000d_5818_dcfb_a487,
    0x000d_fc97_337b_9b5e,
    0x000e_a4af_a2a4_90d9,
    0x000f_5076_5b6e_4540,
    0x0010_0000_0000_0000,
];

const MANTISSA_BITS: u32 = 52;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;

/// The bucket of a value, counted from the first one: `0..BUCKETS`.
#[inline]
pub(crate) fn bucket_of(value: Nanos) -> usize {
    let bits = (value.get() as f64 * 1e-9).to_bits();
    let exponent = (bits >> MANTISSA_BITS) as usize;
    let mantissa = bits & MANTISSA_MASK;
    // IEEE 754 exponents are stored with 1023 added.
    let Some(octave) = exponent.checked_sub((1023 + MIN_EXPONENT) as usize) else {
        return 0;
    };
    // An upper bound belongs to its bucket; of the bounds, only powers of two are exact in binary.
    let bucket = octave * BUCKETS_PER_OCTAVE + bucket_in_octave(mantissa);
    if mantissa == 0 { bucket.saturating_sub(1).min(BUCKETS - 1) } else { bucket.min(BUCKETS - 1) }
}

/// Finds `j` with `BOUNDS[j] <= mantissa < BOUNDS[j + 1]`.
///
/// `2^x` bends below its chord by less than 1/11, so the leading bits guess `j` to within 3 below; a short walk ends it.
#[inline]
fn bucket_in_octave(mantissa: u64) -> usize {
    let mut j = GUESSES[(mantissa >> (MANTISSA_BITS - 7)) as usize] as usize;
    while mantissa > BOUNDS[j + 1] {
        j += 1;
    }
    j
}

/// For each value of the 7 leading mantissa bits, the bucket of the smallest mantissa that starts with them.
static GUESSES: [u8; 128] = guesses();

const fn guesses() -> [u8; 128] {
    let mut table = [0; 128];
    let mut i = 0;
    let mut j = 0_u8;
    while i < 128 {
        let smallest = (i as u64) << (MANTISSA_BITS - 7);
        while BOUNDS[j as usize + 1] < smallest {
            j += 1;
        }
        table[i] = j;
        i += 1;
    }
    table
}

/// The value that stands for a bucket: the one whose relative distance to both bounds is the same, 1.083 %.
pub(crate) fn representative_secs(bucket: usize) -> f64 {
    let (lower, upper) = (lower_bound_secs(bucket), lower_bound_secs(bucket + 1));
    2.0 * lower * upper / (lower + upper)
}

/// The bound that a bucket's values are above.
pub(crate) fn lower_bound_secs(bucket: usize) -> f64 {
    f64::exp2((f64::from(MIN_INDEX) + bucket as f64) / 32.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_upper_bound_belongs_to_its_bucket() {
        let one_second = bucket_of(Duration::from_secs(1).into());

        assert_eq!(lower_bound_secs(one_second + 1).to_bits(), 1.0_f64.to_bits());
        assert_eq!(bucket_of(Nanos::new(1_000_000_001)), one_second + 1);
    }

    #[test]
    fn values_out_of_range_fall_in_the_first_and_last_bucket() {
        assert_eq!(bucket_of(Nanos::new(0)), 0);
        assert_eq!(bucket_of(Duration::MAX.into()), BUCKETS - 1);
        assert_eq!(bucket_of(Duration::from_secs(1 << 20).into()), BUCKETS - 1);
    }

    #[test]
    fn the_table_holds_the_bounds() {
        for (j, bound) in BOUNDS.iter().enumerate().take(32) {
            let computed = f64::exp2(j as f64 / 32.0).to_bits() & MANTISSA_MASK;
            assert!(computed.abs_diff(*bound) <= 1, "bound {j}: {bound:x}, computed {computed:x}");
        }
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_bounds_of_its_bucket(nanos in 1_u64..(1 << 47)) {
            let bucket = bucket_of(Nanos::new(nanos));
            let secs = nanos as f64 * 1e-9;

            prop_assert!(lower_bound_secs(bucket) * (1.0 - 1e-12) <= secs);
            prop_assert!(secs <= lower_bound_secs(bucket + 1) * (1.0 + 1e-12));
        }

        #[test]
        fn the_representative_is_within_the_promised_error(nanos in 1_u64..(1 << 47)) {
            let secs = nanos as f64 * 1e-9;
            let error = (representative_secs(bucket_of(Nanos::new(nanos))) - secs).abs() / secs;

            prop_assert!(error <= 0.011, "{nanos} ns: {error}");
        }
    }
}
