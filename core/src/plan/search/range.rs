//! A range of numbers from which a random search draws.

use crate::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use toml::Value;

/// The numbers between two ends. Whole ends give whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    /// The lower end.
    pub from: Number,
    /// The upper end, above the lower one.
    pub to: Number,
    /// How numbers are spread between them.
    #[serde(default)]
    pub scale: Scale,
}

/// A number as TOML has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an end of a range is a number")]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// Any other.
    Float(f64),
}

/// How numbers are spread over a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly in their logarithms, as suits learning rates: as many between 0.001 and 0.01 as between 0.01 and 0.1.
    Log,
}

/// What is wrong with a range.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum RangeFault {
    /// Its ends are the wrong way round, alike, or no numbers.
    #[error("its lower end must lie below its upper one, and both must be finite")]
    Empty,
    /// There is no logarithm of its lower end.
    #[error("on a log scale it must begin above 0")]
    NotPositive,
}

impl Range {
    pub(super) fn check(&self) -> Result<(), RangeFault> {
        let (from, to) = (self.from.value(), self.to.value());
        if !(from < to && from.is_finite() && to.is_finite()) {
            return Err(RangeFault::Empty);
        }
        if self.scale == Scale::Log && from <= 0.0 {
            return Err(RangeFault::NotPositive);
        }
        Ok(())
    }

    /// A number of the range: whole if both ends are, else with four digits, as a person would write it.
    pub(super) fn draw(&self, stream: &mut Stream) -> Value {
        if let (Number::Integer(from), Number::Integer(to), Scale::Linear) = (self.from, self.to, self.scale)
        {
            return Value::Integer(stream.random_range(from..=to));
        }
        let (from, to) = (self.from.value(), self.to.value());
        let share: f64 = stream.random();
        let drawn = match self.scale {
            Scale::Linear => from * (1.0 - share) + to * share,
            // By `libm`, so that every machine draws the same number.
            Scale::Log => libm::exp(libm::log(from) * (1.0 - share) + libm::log(to) * share),
        };
        match (self.from, self.to) {
            (Number::Integer(from), Number::Integer(to)) => {
                Value::Integer((libm::round(drawn) as i64).clamp(from, to))
            }
            _ => Value::Float(four_digits(drawn).clamp(from, to)),
        }
    }
}

impl Number {
    fn value(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        }
    }
}

fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().expect("a number that was written can be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Seed};

    fn draws(range: Range) -> Vec<Value> {
        let mut stream = Seed(1).stream(Purpose::Search);
        (0..2000).map(|_| range.draw(&mut stream)).collect()
    }

    #[test]
    fn a_log_scale_gives_every_decade_its_share() {
        let range = Range { from: Number::Float(0.001), to: Number::Integer(1), scale: Scale::Log };
        let drawn: Vec<f64> = draws(range).iter().map(|value| value.as_float().unwrap()).collect();
        assert!(drawn.iter().all(|value| (0.001..=1.0).contains(value)));
        let below = |bound: f64| drawn.iter().filter(|&&value| value < bound).count() as f64 / 2000.0;
        // Five deviations of a binomial share.
        assert!((below(0.01) - 1.0 / 3.0).abs() < 0.055 && (below(0.1) - 2.0 / 3.0).abs() < 0.055);
    }

    #[test]
    fn whole_ends_give_whole_numbers_and_both_ends() {
        let range = Range { from: Number::Integer(3), to: Number::Integer(6), scale: Scale::Linear };
        let drawn = draws(range);
        for number in 3..=6 {
            let share = drawn.iter().filter(|value| **value == Value::Integer(number)).count();
            assert!((350..650).contains(&share), "{number}: {share}");
        }
        let log = draws(Range { scale: Scale::Log, ..range });
        assert!(log.iter().all(|value| (3..=6).contains(&value.as_integer().unwrap())));
    }

    #[test]
    fn numbers_are_short_enough_to_be_read() {
        assert_eq!(four_digits(0.003_162_277_660_168_379_5), 0.003162);
        let range = Range { from: Number::Float(0.12345), to: Number::Float(0.12346), scale: Scale::Linear };
        assert!(draws(range).iter().all(|value| (0.12345..=0.12346).contains(&value.as_float().unwrap())));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let range =
            |from, to, scale| Range { from: Number::Float(from), to: Number::Float(to), scale }.check();
        assert_eq!(range(1.0, 1.0, Scale::Linear), Err(RangeFault::Empty));
        assert_eq!(range(2.0, 1.0, Scale::Log), Err(RangeFault::Empty));
        assert_eq!(range(f64::NAN, 1.0, Scale::Linear), Err(RangeFault::Empty));
        assert_eq!(range(0.0, f64::INFINITY, Scale::Linear), Err(RangeFault::Empty));
        assert_eq!(range(0.0, 1.0, Scale::Log), Err(RangeFault::NotPositive));
        assert_eq!(range(-1.0, 1.0, Scale::Linear), Ok(()));
    }
}
