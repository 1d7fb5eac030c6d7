//! Poisson samples of examples: each takes part by a coin of its own, and the order of those that do tells nothing.

use rand::CryptoRng;

/// The coins of a federation or of a training run: each shows heads with a probability of at most `q`, and less by 2^-64 at the
/// most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoissonSample {
    /// Heads below this, of 2^64; `None` for always.
    threshold: Option<u64>,
}

impl PoissonSample {
    /// Coins of rate `q`, which is above 0; from 1 on they always show heads.
    pub fn new(q: f64) -> PoissonSample {
        // Conversion rounds towards zero, and multiplying by a power of two is exact.
        PoissonSample { threshold: (q < 1.0).then_some((q * 2f64.powi(64)) as u64) }
    }

    /// Draws from the numbers below `population` into `sample`, in an order of which all are equally likely.
    pub fn draw(self, population: u32, sample: &mut Vec<u32>, stream: &mut impl CryptoRng) {
        sample.clear();
        match self.threshold {
            None => sample.extend(0..population),
            Some(threshold) => toss(threshold, population, sample, stream),
        }
        shuffle(sample, stream);
    }
}

/// A number of 64 bits against the threshold for each, of which mostly the first byte decides: only that is drawn at once.
fn toss(threshold: u64, population: u32, sample: &mut Vec<u32>, stream: &mut impl CryptoRng) {
    let (first, rest) = ((threshold >> 56) as u8, threshold << 8);
    let mut bytes = [0; 1024];
    let mut from = 0;
    while from < population {
        let to = population.min(from.saturating_add(bytes.len() as u32));
        let bytes = &mut bytes[..(to - from) as usize];
        stream.fill_bytes(bytes);
        for (number, &byte) in (from..to).zip(&*bytes) {
            // The other 56 bits, above eight that stay zero.
            if byte < first || (byte == first && stream.next_u64() << 8 < rest) {
                sample.push(number);
            }
        }
        from = to;
    }
}

/// Fisher and Yates.
fn shuffle(order: &mut [u32], stream: &mut impl CryptoRng) {
    for last in (1..order.len()).rev() {
        let other = below(last as u32 + 1, stream);
        order.swap(last, other as usize);
    }
}

/// A number below `bound`, every one equally likely (Lemire 2019).
fn below(bound: u32, stream: &mut impl CryptoRng) -> u32 {
    loop {
        let product = u64::from(stream.next_u32()) * u64::from(bound);
        if product as u32 >= bound.wrapping_neg() % bound {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::sampling::testing::stream;

    #[test]
    fn everybody_takes_part_as_often_as_the_rate_says_and_apart_from_the_others() {
        for (seed, q) in [(1, 0.5f64), (2, 0.01), (3, 1.0 / 256.0), (4, 0.1 / 256.0), (5, 0.999)] {
            let (population, draws) = (3000u32, 400);
            let mut counts = vec![0u32; population as usize];
            let mut sizes = Vec::new();
            let mut stream = stream(seed);
            let mut sample = Vec::new();
            for _ in 0..draws {
                PoissonSample::new(q).draw(population, &mut sample, &mut stream);
                sizes.push(sample.len() as f64);
                sample.iter().for_each(|&number| counts[number as usize] += 1);
            }
            let (n, d) = (f64::from(population), f64::from(draws));
            let mean = sizes.iter().sum::<f64>() / d;
            let variance = n * q * (1.0 - q);
            assert!((mean - n * q).abs() < 5.0 * (variance / d).sqrt(), "{q}: {mean}");
            let spread = sizes.iter().map(|size| (size - n * q).powi(2)).sum::<f64>() / d;
            assert!(
                (spread / variance - 1.0).abs() < 5.0 * (2.0 / d).sqrt() + 0.1,
                "{q}: {spread} {variance}"
            );
            let square: f64 = counts.iter().map(|&count| (f64::from(count) - d * q).powi(2)).sum();
            let expected = n * d * q * (1.0 - q);
            assert!((square / expected - 1.0).abs() < 0.2, "{q}: {square} {expected}");
        }
    }

    #[test]
    fn the_order_tells_nothing() {
        let mut first = [0f64; 4];
        let mut sample = Vec::new();
        let mut stream = stream(9);
        for _ in 0..8000 {
            PoissonSample::new(1.0).draw(4, &mut sample, &mut stream);
            assert_eq!(sample.len(), 4);
            first[sample[0] as usize] += 1.0;
        }
        let square: f64 = first.iter().map(|count| (count - 2000.0).powi(2) / 2000.0).sum();
        assert!(square < 20.0, "{first:?}");
    }

    #[test]
    fn a_coin_never_shows_heads_more_often_than_its_rate() {
        for q in [1e-300, 1e-19, 0.1, 1.0 / 3.0, 1.0 - f64::EPSILON] {
            let threshold = PoissonSample::new(q).threshold.unwrap();
            assert!(threshold as f64 * 2f64.powi(-64) <= q);
        }
        assert_eq!(PoissonSample::new(0.5).threshold, Some(1 << 63));
        assert_eq!(PoissonSample::new(1.0).threshold, None);
    }
}
